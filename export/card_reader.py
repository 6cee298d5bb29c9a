"""The values of a card's JSON compared with the types of its schema."""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

from ..trainers.errors import DataError
from ..trainers.geometry import InputSize, input_size
from ..trainers.text import cut, shown

_WORDS = {
    int: "a whole number", float: "a number", str: "a text", dict: "an object", list: "a list", type(None): "null",
}  # fmt: skip


@dataclass(frozen=True)
class CardReader:
    """Compares the values of a card with the types of the schema, as it was in the card's version."""

    where: str
    version: int
    added: Mapping[int, Mapping[str, Any]]  # by version the fields that it added, and what they were before

    def read(self, value: Any, kind: Any, name: str) -> Any:
        """Give a checked value, as the type has it: lists become tuples there."""
        origin, inner = get_origin(kind), get_args(kind)
        if is_typeddict(kind):
            return self.fields(value, kind, name)
        if origin is dict:
            self.check(value, (dict,), name)
            return {key: self.read(one, inner[1], f"{name}.{key}") for key, one in value.items()}
        if origin in (list, tuple):
            self.check(value, (list,), name)
            return origin(self.read(one, inner[0], f"{name}[{index}]") for index, one in enumerate(value))
        if kind == InputSize:
            return self.size(value, name)
        if kind is not Any:
            self.check(value, inner or (kind,), name)
        return value

    def size(self, value: Any, name: str) -> InputSize:
        """Give the size of a network's input."""
        try:
            return input_size(None if isinstance(value, str) else value)
        except ValueError:
            wanted = "a whole number, or a list of height and width"
            raise DataError(f"{name} in {self.where} must be {wanted}, got {shown(value)}") from None

    def fields(self, value: Any, kind: type, name: str) -> dict[str, Any]:
        """Give the values of all fields, brought up to date."""
        self.check(value, (dict,), name)
        prefix, kinds = name and f"{name}.", get_type_hints(kind)
        added = [item for version, items in self.added.items() if version > self.version for item in items.items()]
        new = {key: copy.copy(default) for key, default in added if key in kinds}
        known = {key: kind for key, kind in kinds.items() if key not in new}
        known |= {"output": get_args(kinds["outputs"])[0]} if "outputs" in new else {}  # there was one alone
        for key in known:
            if key not in value:
                raise DataError(f"{prefix}{key} is missing in {self.where}: export the model again")
        for key in sorted(set(value) - set(known)):
            raise DataError(f"{prefix}{cut(key)} in {self.where} is not a field of a model card: remove it")
        found = {key: self.read(value[key], kind, prefix + key) for key, kind in known.items()} | new
        return found | {"outputs": [found.pop("output")]} if "output" in found else found

    def check(self, value: Any, types: tuple[type, ...], name: str) -> None:
        """Refuse a value of another type."""
        types = (int, *types) if float in types else types
        if not isinstance(value, types) or isinstance(value, bool):
            wanted = " or ".join(_WORDS[kind] for kind in types if kind is not int or float not in types)
            raise DataError(f"{name} in {self.where} must be {wanted}, got {shown(value)}")
        if isinstance(value, float) and not math.isfinite(value):
            raise DataError(f"{name} in {self.where} must be a finite number, got {value}")
