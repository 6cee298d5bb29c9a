"""Runners of Apache Beam by name, what they are told, and a pipeline run on one. Imports Beam only where it runs."""

import argparse
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from ...trainers.errors import MetricfitError, UsageError, first_line
from ...trainers.machine import held_back_stderr
from .progress import watched
from .refusals import from_runner

DIRECT = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
"""This machine's. Beam's own DirectRunner may try to download another program, and to run the pipeline on that."""
USUAL = ("direct", "dataflow", "flink", "spark", "portable", "prism")
EXTRA = "pip install 'metricfit[beam]'"


def flags_of(runner: str, given: Sequence[str]) -> list[str]:
    """Give what a runner is told as Beam's flags, of NAME=VALUE or of flags as they are."""
    flags = [one if one.startswith("-") or "=" not in one else f"--{one}" for one in given]
    names = [flag.partition("=")[0] for flag in flags]
    if runner == "direct" and "--direct_num_workers" in names and "--direct_running_mode" not in names:
        # In one process Beam would ignore the number.
        flags.append("--direct_running_mode=multi_processing")
    return flags


def check_runner(runner: str | None, given: Sequence[str]) -> None:
    """Refuse, before anything else is done, a runner or options that Beam does not know; nothing where none is named.

    Raises:
        UsageError: no such runner or option, or options without a runner.
        MetricfitError: Beam, or what the runner needs besides, is not installed.
    """
    if runner is not None:
        _options(runner, given)
        _runner(runner)
    elif given:
        raise UsageError(f"{given[0]} is for a runner: give --runner direct (or flink, dataflow, ...) as well")


def temporary_location(runner: str, given: Sequence[str]) -> str:
    """Give the --temp_location among a runner's options; empty where there is none."""
    return str(_options(runner, given).get_all_options().get("temp_location") or "")


def run(
    runner: str,
    given: Sequence[str],
    build: Callable[[Any], None],
    *,
    title: str,
    pictures: int,
    notes: Path | None = None,
    quiet: bool = False,
) -> None:
    """Run the pipeline that `build` makes on a runner, to its end; its noise is shown by --debug alone.

    Args:
        notes: a folder in which workers note how many of the `pictures` are done, shown by `title`.

    Raises:
        MetricfitError: what a worker refused, in its own sentence and kind, or what the runner could not do.
    """
    import apache_beam as beam

    options, place = _options(runner, given), _runner(runner)
    interrupted: KeyboardInterrupt | None = None
    with held_back_stderr(), _hushed(), watched(notes, title, pictures, quiet=quiet):
        try:
            pipeline = beam.Pipeline(runner=place, options=options)
            build(pipeline)
            result = pipeline.run()
            state = result.wait_until_finish()
        except MetricfitError:
            raise
        except KeyboardInterrupt as error:
            interrupted = error  # raised below: here it would let out what Beam said
        except Exception as error:  # a runner raises whatever it meets, and what workers met as a text
            raise from_runner(error, runner) from error
        if interrupted is None and (ended := str(state or result.state)) != "DONE":
            raise MetricfitError(f"the runner {runner} ended as {ended}: look into its own log")
    if interrupted is not None:
        raise interrupted


def _runner(name: str) -> Any:
    with held_back_stderr(), _hushed():
        from apache_beam.runners.runner import create_runner

        try:
            return create_runner(DIRECT if name in ("direct", "DirectRunner") else name)
        except ValueError as error:
            known = f"{', '.join(USUAL)}, or another of Apache Beam's by the whole name of its class"
            raise UsageError(f"--runner must be one of {known}; got {name!r}") from error
        except (ImportError, AttributeError) as error:
            extra = "pip install 'apache-beam[gcp]'" if "dataflow" in name.lower() else "look at its name"
            raise MetricfitError(f"the runner {name} cannot be loaded ({first_line(error)}): {extra}") from error


def _options(runner: str, given: Sequence[str]) -> Any:
    """Read what the runner is told; Beam itself would pass over what it does not know."""
    try:
        with held_back_stderr(), _hushed():
            from apache_beam.options.pipeline_options import PipelineOptions
            from apache_beam.runners.portability import fn_api_runner  # noqa: F401 - what it needs is missed here
    except ImportError as error:
        missing = "Apache Beam" if (error.name or "").startswith("apache_beam") else error.name
        raise MetricfitError(f"--runner needs {missing}, which is not installed: {EXTRA}") from error
    flags = flags_of(runner, given)
    parser = _Parser(add_help=False, allow_abbrev=False)
    for kind in _kinds_of(PipelineOptions):
        kind._add_argparse_args(parser)
    known, unknown = parser.parse_known_args(flags)
    if unknown:
        raise UsageError(f"Beam knows no option {unknown[0]}: look at its name, and write it as NAME=VALUE")
    if getattr(known, "runner", None):
        raise UsageError(f"the runner is named twice, as {runner} and as {known.runner}: leave the option out")
    return PipelineOptions(flags)


class _Parser(argparse.ArgumentParser):
    """One that raises what it would print and exit by."""

    def error(self, message: str) -> NoReturn:
        """Raise a UsageError."""
        raise UsageError(f"what Beam is told cannot be read ({message})")


def _kinds_of(options: Any) -> list[Any]:
    """Give Beam's kinds of options, each once."""
    found: dict[str, Any] = {}
    for kind in options.__subclasses__():
        found.setdefault(str(kind), kind)
    return list(found.values())


@contextmanager
def _hushed() -> Iterator[None]:
    """Let Beam log errors alone, and take away the handler that its first word on the root logger makes."""
    root, beam = logging.getLogger(), logging.getLogger("apache_beam")
    handlers, level = list(root.handlers), beam.level
    beam.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        beam.setLevel(level)
        root.handlers[:] = handlers
