"""The model card: what an exported model is, in one versioned schema, checked on reading. Imports no TensorFlow."""

import copy
import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from ..trainers.errors import DataError, MetricfitError, first_line
from ..trainers.files import write_json
from ..trainers.geometry import RESIZINGS, InputSize, height_width, size_text
from ..trainers.models.detector.suppression import Suppression
from ..trainers.text import shown
from .calibration_entry import NOT_CALIBRATED, CalibrationEntry, fitted_of
from .card_reader import CardReader
from .guarantee_entry import NOT_PROMISED, GuaranteeEntry, check_entry

SCHEMA_VERSION = 8
CARD_NAME = "card.json"
NAMES_AND_CONTENTS = "names and contents"
COVERED = ("contents", NAMES_AND_CONTENTS)
"""What a file's SHA-256 can be of."""


class Tensor(TypedDict):
    """An input or output, named as in its signature."""

    name: str
    description: str
    shape: list[int | None]
    dtype: str
    scale: float | None
    zero_point: int | None


class SignatureEntry(TypedDict):
    """A signature that takes and gives other tensors than a file's first ones."""

    inputs: list[Tensor]
    outputs: list[Tensor]


class Thresholds(TypedDict):
    """Where to cut scores, in [0, 1]."""

    optimal: float
    band: list[float]  # low and high, between which it is nearly as good
    per_class: list[float]  # the best one of each class, empty where one serves all


class FurtherData(TypedDict):
    """What a file achieves on data by which nothing was chosen."""

    images: int
    metrics: dict[str, float]
    thresholds: Thresholds


class FileEntry(TypedDict):
    """A file or folder beside the card."""

    kind: str
    variant: str
    bytes: int
    sha256: str
    sha256_of: str  # of a folder `names and contents` of its files, or `contents` alone; of a file they are the same
    input: Tensor
    outputs: list[Tensor]
    signatures: dict[str, SignatureEntry]  # further ones, see `signatures.py`; a .tflite file has none
    operators: dict[str, int]
    metrics: dict[str, float]
    thresholds: Thresholds
    calibration: CalibrationEntry
    guarantee: GuaranteeEntry  # a threshold that takes the place of those, where one was chosen so
    parity: dict[str, float]  # differences from the Keras model
    latency_ms: float  # for one picture
    tests: dict[str, FurtherData]  # by source
    intervals: dict[str, list[float]]  # by what an 8-bit file may differ in: with 95 % not below, and not above
    warnings: list[str]  # what the validation pictures cannot tell


@dataclass(frozen=True)
class ModelCard:
    """What an exported model is, was made of, and achieves; its fields and their types are the schema of card.json."""

    task: str
    name: str
    input_size: InputSize  # in pixels: the side of a square, or [height, width]
    class_names: tuple[str, ...]  # by index; for saliency `("background", "salient")`
    palette: tuple[tuple[int, ...], ...]  # one RGB triple in 0..255 per class
    thresholds: Thresholds  # those of the Keras model on the validation data, as `metrics`
    metrics: dict[str, float]
    data: dict[str, Any]  # `training` and `validation` source, and numbers: `training_images` and so on; `fingerprints`
    data_terms: str
    command: tuple[str, ...]  # the command lines that made the model, the earliest training first
    machine: str  # where the latencies were measured
    config: dict[str, Any]  # the training's
    versions: dict[str, str]  # of the libraries
    calibration: CalibrationEntry = field(default_factory=lambda: copy.copy(NOT_CALIBRATED))  # of the Keras model
    files: dict[str, FileEntry] = field(default_factory=dict)
    suppression: dict[str, Any] = field(default_factory=dict)  # of a detector, as `Suppression.to_dict` gives it
    resizing: str = "stretch"  # to that size; or `pad` (aspect kept, grey 114 at the right or bottom)
    limits: str = ""  # what the model is not made for
    refused: dict[str, str] = field(default_factory=dict)  # files that did not pass and were left out, and why
    warnings: list[str] = field(default_factory=list)  # what was noticed of the model itself
    schema_version: int = SCHEMA_VERSION

    def to_dict(self) -> dict[str, Any]:
        """The card as JSON-able data."""
        values = dataclasses.asdict(self)
        return {"schema_version": values.pop("schema_version"), **values}


@dataclass(frozen=True)
class ExportResult:
    """An exported model: where it is, what it is and achieves."""

    folder: Path
    card: ModelCard = field(repr=False)

    @property
    def files(self) -> dict[str, Path]:
        """The exported files and folders by name."""
        return {name: self.folder / name for name in self.card.files}

    @property
    def refused(self) -> dict[str, str]:
        """The files that did not pass and were left out, with why in a sentence."""
        return self.card.refused

    @property
    def made(self) -> list[Path]:
        """Everything that was written: the card, the README and the exported files."""
        return [self.folder / CARD_NAME, self.folder / "README.md", *self.files.values()]

    @property
    def scalars(self) -> dict[str, dict[str, float]]:
        """By file its `megabytes`, `latency_ms`, figures on the validation data, and differences to the Keras model."""
        return {
            name: {"megabytes": entry["bytes"] / 1e6, "latency_ms": entry["latency_ms"]}
            | entry["metrics"]
            | entry["parity"]
            for name, entry in self.card.files.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Give the card as JSON-able data, as card.json holds it."""
        return self.card.to_dict()


def card_from_dict(values: Any, where: str = CARD_NAME) -> ModelCard:
    """Make a card of what `ModelCard.to_dict` gives, or gave in an earlier version; DataError names the wrong field."""
    if not isinstance(values, dict):
        raise DataError(f"{where} must hold a JSON object, got {shown(values)}")
    version = values.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= SCHEMA_VERSION:
        raise DataError(
            f"schema_version in {where} must be from 1 to {SCHEMA_VERSION}, got {version!r}: "
            "read it with the version of metricfit that wrote it, or export the model again"
        )
    reader = CardReader(where, version, _ADDED)
    card = ModelCard(**reader.fields(values, ModelCard, "") | {"schema_version": SCHEMA_VERSION})
    if min(height_width(card.input_size)) < 1:
        raise DataError(f"input_size in {where} must be positive, got {size_text(card.input_size)}")
    if card.resizing not in RESIZINGS:
        raise DataError(f"resizing in {where} must be {' or '.join(RESIZINGS)}, got {card.resizing!r}")
    _check_suppression(card.suppression, where)
    reader.check(card.data.get("fingerprints", ""), (str,), "data.fingerprints")
    classes = len(card.class_names)
    _check_thresholds(card.thresholds, classes, "thresholds", where)
    _check_calibration(card.calibration, classes, "calibration", where)
    for name, entry in card.files.items():
        _check_thresholds(entry["thresholds"], classes, f"files.{name}.thresholds", where)
        _check_calibration(entry["calibration"], classes, f"files.{name}.calibration", where)
        _check_guarantee(entry["guarantee"], f"files.{name}.guarantee", where)
        if entry["sha256_of"] not in COVERED:
            raise DataError(
                f"files.{name}.sha256_of in {where} must be {' or '.join(COVERED)}, got {shown(entry['sha256_of'])}"
            )
        for source, test in entry["tests"].items():
            _check_thresholds(test["thresholds"], classes, f"files.{name}.tests.{source}.thresholds", where)
    return card


def read_card(path: str | Path) -> ModelCard:
    """Read a card.json, or that of a folder; DataError where there is none, or names the field that is wrong."""
    path = Path(path)
    path = path / CARD_NAME if path.is_dir() else path
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"the model card {path} cannot be read ({error}): export the model again") from error
    return card_from_dict(values, str(path))


def write_card(card: ModelCard, folder: str | Path) -> Path:
    """Write card.json into a folder, checked as on reading; gives its path."""
    path = Path(folder) / CARD_NAME
    values = json.loads(json.dumps(card.to_dict()))
    card_from_dict(values, str(path))
    return write_json(path, values)


_ADDED: dict[int, dict[str, Any]] = {
    2: {"resizing": "stretch", "outputs": [], "description": "", "per_class": []},
    3: {"limits": "", "tests": {}},
    4: {"intervals": {}, "refused": {}, "warnings": []},
    5: {"signatures": {}},
    6: {"sha256_of": "contents"},
    7: {"calibration": NOT_CALIBRATED, "suppression": {}},
    8: {"guarantee": NOT_PROMISED},
}
"""By version the fields that it added, and what they are in a card from before."""


def _check_calibration(entry: CalibrationEntry, classes: int, name: str, where: str) -> None:
    try:
        fitted_of(entry, classes)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise DataError(f"{name} in {where} is none ({first_line(error)}): export the model again") from error


def _check_guarantee(entry: GuaranteeEntry, name: str, where: str) -> None:
    try:
        check_entry(entry)
    except (ValueError, MetricfitError) as error:
        raise DataError(f"{name} in {where} is none ({first_line(error)}): evaluate the file again") from error


def _check_suppression(values: dict[str, Any], where: str) -> None:
    try:
        Suppression.from_dict(values)
    except (TypeError, MetricfitError) as error:
        raise DataError(
            f"suppression in {where} must be one that an export can have ({first_line(error)}), got {shown(values)}"
        ) from error


def _check_thresholds(thresholds: Thresholds, classes: int, name: str, where: str) -> None:
    band, per_class = thresholds["band"], thresholds["per_class"]
    if len(band) != 2 or not 0 <= band[0] <= thresholds["optimal"] <= band[1] <= 1:
        raise DataError(
            f"{name} in {where} must be a band [low, high] around the optimal threshold, in [0, 1], "
            f"got {thresholds['optimal']} and {band}"
        )
    if len(per_class) not in (0, classes) or not all(0 <= value <= 1 for value in per_class):
        raise DataError(
            f"{name}.per_class in {where} must have one threshold in [0, 1] for each of {classes} classes, or none, "
            f"got {per_class!r:.60}"
        )
