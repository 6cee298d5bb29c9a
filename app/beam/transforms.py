"""The pipelines: parts are read, run and judged, and what they give is merged. Needs the extra `beam`."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.coders import Coder, registry
from apache_beam.io.filesystems import FileSystems

from .evaluation import EvaluationWork, judge_part
from .outcome import Outcome
from .parts import Places
from .prediction import PredictionWork, predict_part
from .progress import note
from .refusals import refusals_marked


class OutcomeCoder(Coder):
    """Outcomes between processes as their own bytes, which say by what version they were written."""

    def encode(self, value: Outcome) -> bytes:
        """See `Outcome.encode`."""
        return value.encode()

    def decode(self, encoded: bytes) -> Outcome:
        """See `Outcome.decode`."""
        return Outcome.decode(encoded)

    def is_deterministic(self) -> bool:
        """No keys are made of them."""
        return False


registry.register_coder(Outcome, OutcomeCoder)


class OfParts(beam.DoFn):
    """Does some work on each part; the model and the data are opened once a process."""

    def __init__(self, do: Callable[[Any, int, int], Any], work: Any, notes: Path | None):
        self._do, self._work, self._notes = do, work, notes

    def process(self, part: tuple[int, int]) -> Iterator[Any]:
        """Give what comes of a part."""
        with refusals_marked():
            found = self._do(self._work, *part)
            note(self._notes, part[1] - part[0])
        yield found


class MergeOutcomes(beam.CombineFn):
    """Merges outcomes, in any order and grouping: the figures are the same to the bit."""

    def create_accumulator(self) -> Outcome:
        """Begin with nothing."""
        return Outcome()

    def add_input(self, accumulator: Outcome, element: Outcome) -> Outcome:
        """Take in a part."""
        accumulator.merge(element)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Outcome]) -> Outcome:
        """Take in what other workers have merged."""
        whole = Outcome()
        for accumulator in accumulators:
            whole.merge(accumulator)
        return whole

    def extract_output(self, accumulator: Outcome) -> Outcome:
        """Give all."""
        return accumulator

    def get_accumulator_coder(self) -> OutcomeCoder:
        """See `OutcomeCoder`."""
        return OutcomeCoder()


def evaluation(pipeline: Any, work: EvaluationWork, place: str, notes: Path | None) -> None:
    """Judge all parts, and write the merged outcome to `place`, in any file system that Beam knows."""
    judged = _parts(pipeline, work.places) | "Judge" >> beam.ParDo(OfParts(judge_part, work, notes)).with_output_types(
        Outcome
    )
    merged = judged | "Merge" >> beam.CombineGlobally(MergeOutcomes()).with_output_types(Outcome)
    merged | "Write" >> beam.Map(write_outcome, place)  # Beam's way of going on, no comparison


def prediction(pipeline: Any, work: PredictionWork, notes: Path | None) -> None:
    """Predict the pictures of all parts; each part writes its own files."""
    _parts(pipeline, work.places) | "Predict" >> beam.ParDo(OfParts(predict_part, work, notes))


def write_outcome(outcome: Outcome, place: str) -> None:
    """Write an outcome; done again, it is written again."""
    with FileSystems.create(place) as file:
        file.write(outcome.encode())


def read_outcome(place: str) -> Outcome:
    """Read what `write_outcome` wrote."""
    with FileSystems.open(place) as file:
        return Outcome.decode(file.read())


def _parts(pipeline: Any, places: Places) -> Any:
    """Divide on a worker, and spread the parts over all of them."""
    whole = pipeline | "All" >> beam.Create([places])
    return whole | "Divide" >> beam.FlatMap(_divided) | "Spread" >> beam.Reshuffle()


def _divided(places: Places) -> Iterator[tuple[int, int]]:
    return places.parts()
