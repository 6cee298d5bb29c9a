"""What decides how something is read, written as plain data: equal texts stand for the same reading."""

import dataclasses
import hashlib
import json
import types
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np


class NotPlain(TypeError):
    """A value of which it cannot be told what it does."""


def described(value: object) -> str:
    """Write values, objects with their attributes, functions by their names; NotPlain where that says too little."""
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, PurePath):
        return ["path", str(value)]
    if isinstance(value, np.ndarray):
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return ["array", str(value.dtype), list(value.shape), content]
    if isinstance(value, Mapping):
        return ["mapping", sorted([json.dumps(_plain(key)), _plain(one)] for key, one in value.items())]
    if isinstance(value, (set, frozenset)):
        return ["set", sorted(json.dumps(_plain(one)) for one in value)]
    if isinstance(value, Sequence):
        return [_plain(one) for one in value]
    if isinstance(value, types.FunctionType) and not value.__closure__ and "<lambda>" not in value.__qualname__:
        return ["function", value.__module__, value.__qualname__]
    if dataclasses.is_dataclass(value) or hasattr(value, "__dict__"):
        kind = type(value)
        if kind is not type and kind.__module__ not in ("builtins", "types", "functools"):
            return ["object", kind.__module__, kind.__qualname__, _plain(vars(value))]
    raise NotPlain(f"{value!r} cannot be described")
