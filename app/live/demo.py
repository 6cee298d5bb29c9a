"""`metricfit demo`: source -> predictor -> overlay -> window, recording or folder."""

import time
from contextlib import ExitStack
from pathlib import Path

from tqdm import tqdm

from ...trainers.errors import DataError, UsageError
from ..predictor import find_model, load_predictor
from ..show.pictures import unique_stems
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
    """Run the demo until the source ends, the user quits, or `--frames` is reached.

    A recording is finished and keeps its frames however the run ends, by an error or Ctrl-C too.

    Returns:
        What was done, and the paths written. It is printed too, unless `quiet`.

    Raises:
        UsageError: an option or the model does not fit.
        DataError: a video or picture cannot be read (all others are done first).
        MetricfitError: there is no display, no camera, the camera is lost, or nothing can be written.
    """
    if options.frames is not None and options.frames < 1:
        raise UsageError(f"expected --frames of at least 1, got {options.frames}")
    model = find_model(options.model)
    if not options.headless:
        check_display()
    with ExitStack() as stack:
        source = open_frames(options.source)
        stack.callback(source.close)
        demo = Demo(options, source, load_predictor(model, threads=options.threads))
        stack.callback(_finish, demo)
        if options.headless:
            _headless(demo)
        else:
            _windowed(demo, stack)
    if source.faults:
        raise DataError(_all_faults(source.faults, bool(demo.summary.frames)))
    return demo.summary


def _finish(demo: Demo) -> None:
    """Close the recording and say what was done, however the run ended."""
    summary = demo.summary
    summary.threshold, summary.view = demo.threshold, demo.view
    started = time.perf_counter()
    try:
        demo.stop_recording()
    finally:
        if demo.options.headless:
            # The last frames of the recording are written only now.
            summary.seconds += time.perf_counter() - started
        if (lines := summary.lines()) and not demo.options.quiet:
            print(*lines, sep="\n")


def _all_faults(faults: list[str], others: bool) -> str:
    """Put several faults into one message."""
    if len(faults) == 1:
        return faults[0]
    outcome = "all others were done" if others else "there were no others"
    return f"{len(faults)} pictures could not be read, {outcome}:\n  " + "\n  ".join(faults)


def _headless(demo: Demo) -> None:
    """Go once through the source as fast as possible.

    Pictures are drawn into files unless they are recorded; a video or camera that is not recorded is only measured.
    """
    options, source, summary = demo.options, demo.source, demo.summary
    to_files = source.stepped and demo.recording is None
    only_measured = not source.stepped and demo.recording is None
    total = min((number for number in (options.frames, source.length) if number is not None), default=None)
    start = time.perf_counter()
    paths: dict[int, Path] = {}
    if to_files:
        stems = unique_stems(source.names)
        paths = {index: options.out / f"{stem}-{demo.view}.jpg" for index, stem in enumerate(stems)}
    try:
        description = "measuring" if only_measured else "demo"
        with tqdm(total=total, desc=description, unit="frame", disable=options.quiet or None) as bar:
            while demo.wanted:
                frame = source.read()
                if frame is None:
                    if source.live:
                        continue
                    break
                _, picture = demo.predict(frame)
                demo.record(picture, time.perf_counter() - start)
                if to_files:
                    demo.keep(paths[frame.index], picture)
                bar.update()
    finally:
        summary.seconds = time.perf_counter() - start
        if only_measured and summary.frames:
            summary.notes.append("only measured, nothing was written: --record FILE writes what is drawn into a video")


def _windowed(demo: Demo, stack: ExitStack) -> None:
    """Show the source in a window, at its own pace, until it ends or the user quits."""
    window = Window(f"metricfit: {demo.source.name}")
    stack.callback(window.close)
    Player(demo, window).run()
