"""The model card: what an exported model is, in one versioned schema, checked on reading. Imports no TensorFlow."""

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..trainers.errors import DataError
from ..trainers.files import write_json
from ..trainers.geometry import RESIZINGS

SCHEMA_VERSION = 3
CARD_NAME = "card.json"

NUMBER = (int, float)
_TENSOR_1 = {
    "name": str,
    "shape": [(int, type(None))],
    "dtype": str,
    "scale": (int, float, type(None)),
    "zero_point": (int, type(None)),
}
_THRESHOLDS_1 = {"optimal": NUMBER, "band": [NUMBER]}
_FILE_1 = {
    "kind": str,
    "variant": str,
    "bytes": int,
    "sha256": str,
    "input": _TENSOR_1,
    "output": _TENSOR_1,
    "operators": {str: int},
    "metrics": {str: NUMBER},
    "thresholds": _THRESHOLDS_1,
    "parity": {str: NUMBER},
    "latency_ms": NUMBER,
}
_CARD_1 = {
    "schema_version": int,
    "task": str,
    "name": str,
    "input_size": int,
    "class_names": [str],
    "palette": [[int]],
    "thresholds": _THRESHOLDS_1,
    "metrics": {str: NUMBER},
    "data": dict,
    "data_terms": str,
    "command": [str],
    "machine": str,
    "config": dict,
    "versions": {str: str},
    "files": {str: _FILE_1},
}
_TENSOR = {**_TENSOR_1, "description": str}
_THRESHOLDS = {**_THRESHOLDS_1, "per_class": [NUMBER]}
_FILE_2 = {name: kind for name, kind in _FILE_1.items() if name != "output"}
_FILE_2 |= {"input": _TENSOR, "outputs": [_TENSOR], "thresholds": _THRESHOLDS}
_CARD_2 = {**_CARD_1, "resizing": str, "thresholds": _THRESHOLDS, "files": {str: _FILE_2}}
_TEST = {"images": int, "metrics": {str: NUMBER}, "thresholds": _THRESHOLDS}
_CARD = {**_CARD_2, "limits": str, "files": {str: {**_FILE_2, "tests": {str: _TEST}}}}
_SCHEMAS = {1: _CARD_1, 2: _CARD_2, 3: _CARD}


@dataclass(frozen=True)
class ModelCard:
    """What an exported model is, was made of, and achieves.

    Attributes:
        task: the task's name, such as `saliency`.
        name: the model's name, that of its folder.
        input_size: side of the square input, in pixels.
        class_names: names of the classes by index; for saliency `("background", "salient")`.
        palette: one RGB triple in 0..255 per class.
        resizing: how a picture becomes square: `stretch`, or `pad` (aspect kept, grey 114 at the right or bottom).
        thresholds: `optimal` and `band` (low, high) of the Keras model on the validation data, in [0, 1], and
            `per_class`, the best threshold of each class, empty where one serves all.
        metrics: the main figures of the Keras model on the validation data, by name.
        data: sources and numbers of pictures: `training`, `validation`, `validation_images`, `representative_images`.
        data_terms: under what terms the training data stand.
        limits: what the model is not made for.
        command: the command lines that made the model.
        machine: where the latencies were measured.
        config: the training's configuration.
        versions: versions of the libraries, by name.
        files: per file or folder beside the card: kind, variant, bytes, sha256, input and output tensors (named as in
            the signature), operators, metrics, thresholds, parity with Keras, latency in milliseconds per picture, and
            `tests`: images, metrics and thresholds on further data, by source.
        schema_version: version of this schema.
    """

    task: str
    name: str
    input_size: int
    class_names: tuple[str, ...]
    palette: tuple[tuple[int, ...], ...]
    thresholds: dict[str, Any]
    metrics: dict[str, float]
    data: dict[str, Any]
    data_terms: str
    command: tuple[str, ...]
    machine: str
    config: dict[str, Any]
    versions: dict[str, str]
    files: dict[str, Any] = field(default_factory=dict)
    resizing: str = "stretch"
    limits: str = ""
    schema_version: int = SCHEMA_VERSION

    def to_dict(self) -> dict[str, Any]:
        """The card as JSON-able data."""
        values = dataclasses.asdict(self)
        return {"schema_version": values.pop("schema_version"), **values}


def card_from_dict(values: Any, where: str = CARD_NAME) -> ModelCard:
    """Check data against the schema and make a card of them.

    Args:
        values: what `ModelCard.to_dict` gives, or gave in an earlier version, which is brought up to date.
        where: the file's path, for errors.

    Raises:
        DataError: an unknown version, a missing or unknown field, a wrong type or value; names the field.
    """
    if not isinstance(values, dict):
        raise DataError(f"{where} must hold a JSON object, got {type(values).__name__}")
    version = values.get("schema_version")
    if isinstance(version, bool) or version not in tuple(_SCHEMAS):
        raise DataError(
            f"schema_version in {where} must be from 1 to {SCHEMA_VERSION}, got {version!r}: "
            "read it with the version of metricfit that wrote it, or export the model again"
        )
    _check(values, _SCHEMAS[version], "", where)
    if version == 1:
        values = _from_version_1(values)
    if version < SCHEMA_VERSION:
        values = _from_version_2(values)
    if values["input_size"] < 1:
        raise DataError(f"input_size in {where} must be positive, got {values['input_size']}")
    if values["resizing"] not in RESIZINGS:
        raise DataError(f"resizing in {where} must be {' or '.join(RESIZINGS)}, got {values['resizing']!r}")
    classes = len(values["class_names"])
    _check_thresholds(values["thresholds"], classes, "thresholds", where)
    for name, entry in values["files"].items():
        _check_thresholds(entry["thresholds"], classes, f"files.{name}.thresholds", where)
        for source, test in entry["tests"].items():
            _check_thresholds(test["thresholds"], classes, f"files.{name}.tests.{source}.thresholds", where)
    return ModelCard(
        **{
            **values,
            "class_names": tuple(values["class_names"]),
            "palette": tuple(tuple(colour) for colour in values["palette"]),
            "command": tuple(values["command"]),
        }
    )


def read_card(path: str | Path) -> ModelCard:
    """Read a card.

    Args:
        path: a card.json, or the folder that holds it.

    Raises:
        DataError: no such file, not JSON, or not in the schema; names the field.
    """
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


def _from_version_1(values: dict[str, Any]) -> dict[str, Any]:
    """Bring a checked card of version 1 to version 2: one output, one threshold, pictures stretched."""

    def updated(entry: dict[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in entry.items() if name != "output"}
        described = [{**entry[name], "description": ""} for name in ("input", "output")]
        thresholds = {**entry["thresholds"], "per_class": []}
        return {**kept, "input": described[0], "outputs": described[1:], "thresholds": thresholds}

    return {
        **values,
        "schema_version": 2,
        "resizing": "stretch",
        "thresholds": {**values["thresholds"], "per_class": []},
        "files": {name: updated(entry) for name, entry in values["files"].items()},
    }


def _from_version_2(values: dict[str, Any]) -> dict[str, Any]:
    """Bring a checked card of version 2 up to date: nothing said of limits, no further data."""
    files = {name: {**entry, "tests": {}} for name, entry in values["files"].items()}
    return {**values, "schema_version": SCHEMA_VERSION, "limits": "", "files": files}


def _check(value: Any, schema: Any, name: str, where: str) -> None:
    """Compare a value with a schema: a type, types, [of each], {str: of each} or {name: of it, ...}."""
    if isinstance(schema, dict):
        _check_type(value, dict, name, where)
        if str in schema:
            for key, inner in value.items():
                _check(inner, schema[str], _join(name, key), where)
            return
        for key, inner in schema.items():
            if key not in value:
                raise DataError(f"{_join(name, key)} is missing in {where}: export the model again")
            _check(value[key], inner, _join(name, key), where)
        unknown = sorted(set(value) - set(schema))
        if unknown:
            raise DataError(f"{_join(name, unknown[0])} in {where} is not a field of a model card: remove it")
    elif isinstance(schema, list):
        _check_type(value, list, name, where)
        for index, inner in enumerate(value):
            _check(inner, schema[0], f"{name}[{index}]", where)
    else:
        _check_type(value, schema, name, where)


def _check_type(value: Any, types: Any, name: str, where: str) -> None:
    types = types if isinstance(types, tuple) else (types,)
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        wanted = " or ".join("null" if kind is type(None) else kind.__name__ for kind in types)
        raise DataError(f"{name} in {where} must be {wanted}, got {value!r:.60}")
    if isinstance(value, float) and not math.isfinite(value):
        raise DataError(f"{name} in {where} must be a finite number, got {value}")


def _check_thresholds(thresholds: dict[str, Any], classes: int, name: str, where: str) -> None:
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


def _join(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
