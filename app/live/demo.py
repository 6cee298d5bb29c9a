"""`metricfit demo`: source -> predictor -> overlay -> window, recording or folder."""

import time
from contextlib import ExitStack
from pathlib import Path

from ...trainers.errors import DataError, UsageError
from ...trainers.progress import progress
from ..flags import suppression_of
from ..predictor import find_model, is_model, load_predictor
from ..show.inputs import is_picture, is_video
from ..show.pictures import write_picture
from ..show.stems import unique_stems
from .options import DemoOptions
from .player import Player
from .session import Demo, DemoSummary
from .sources import open_frames
from .window import Window, check_display


def run_demo(options: DemoOptions) -> int:
    """Run the verb `demo`; gives the exit code."""
    play(options)
    return 0


def play(options: DemoOptions) -> DemoSummary:
    """Run the demo to its end and give what was done; a recording is finished however that comes, by an error too."""
    if options.frames is not None and options.frames < 1:
        raise UsageError(f"expected --frames of at least 1, got {options.frames}")
    if options.model and not is_model(options.model) and (is_picture(path := Path(options.model)) or is_video(path)):
        raise UsageError(f"expected a model, {path} is none: did you mean metricfit demo --source {path}?")
    model = find_model(options.model)
    if not options.headless:
        check_display()
    with ExitStack() as stack:
        source = open_frames(options.source, options.max_megapixels)
        stack.callback(source.close)
        predictor = load_predictor(
            model, threads=options.threads, trust=options.trust, suppression=suppression_of(options)
        )
        demo = Demo(options, source, predictor)
        stack.callback(demo.finish)
        if options.headless:
            _headless(demo)
        else:
            window = Window(f"metricfit: {source.name}")
            stack.callback(window.close)
            Player(demo, window).run()
    faults = source.faults
    if len(faults) > 1:
        outcome = "all others were done" if demo.summary.frames else "there were no others"
        raise DataError(f"{len(faults)} pictures could not be read, {outcome}:\n  " + "\n  ".join(faults))
    if faults:
        raise DataError(faults[0])
    return demo.summary


def _headless(demo: Demo) -> None:
    """Go once through the source as fast as possible; pictures not recorded become files, videos are only measured."""
    options, source, summary = demo.options, demo.source, demo.summary
    to_files = source.stepped and demo.recording is None
    only_measured = not source.stepped and demo.recording is None
    stems = unique_stems(source.names) if to_files else []
    total = min((number for number in (options.frames, source.length) if number is not None), default=None)
    description = "measuring" if only_measured else "demo"
    start = time.perf_counter()
    try:
        with progress(total=total, desc=description, unit="frame", quiet=options.quiet) as bar:
            while demo.wanted:
                frame = source.read()
                if frame is None:
                    if source.live:
                        continue
                    break
                _, picture = demo.predict(frame)
                demo.record(picture, time.perf_counter() - start)
                if to_files:
                    path = options.out / f"{stems[frame.index]}-{demo.view}.jpg"
                    summary.files.append(write_picture(path, picture))
                bar.update()
    finally:
        summary.seconds = time.perf_counter() - start
        if only_measured and summary.frames:
            summary.notes.append("only measured, nothing was written: --record FILE writes what is drawn into a video")
