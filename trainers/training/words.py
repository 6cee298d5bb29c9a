"""Settings as the words of a command line, and words as settings of a loss."""

import ast
import dataclasses
from collections.abc import Iterable
from typing import Any

from ..errors import UsageError
from ..geometry import size_text
from ..text import shown
from .config import RunConfig
from .config_files import NOT_KEPT


def train_command(task: str, config: RunConfig) -> list[str]:
    """Give the words of a training's command line, with a flag for everything that is not as by default."""
    return ["metricfit", "train", task, *_flags(config, type(config)())]


def _flags(config: Any, default: Any, prefix: str = "") -> list[str]:
    words = []
    for setting in dataclasses.fields(config):
        value, usual = getattr(config, setting.name), getattr(default, setting.name)
        name = setting.name.replace("_", "-")
        if value == usual or setting.name in NOT_KEPT:
            continue
        if dataclasses.is_dataclass(value):
            words += _flags(value, usual, f"{prefix}{name}.")
        elif isinstance(value, bool):
            words.append(f"--{prefix}{name}" if value else f"--{prefix}no-{name}")
        elif setting.name == "size":
            words += flag_words(f"{prefix}{name}", size_text(value))
        else:
            words += flag_words(f"{prefix}{name}", value)
    return words


def flag_words(flag: str, value: Any) -> list[str]:
    """Give the words by which a command line says a value, or several."""
    return [f"--{flag}", *map(str, value if isinstance(value, tuple) else (value,))]


def parse_loss_options(options: Iterable[str]) -> dict[str, Any]:
    """Turn NAME=VALUE pairs into hyperparameters; a value that is no Python literal stays text."""
    parsed = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name:
            raise UsageError(f"--loss-options takes NAME=VALUE, such as beta2=0.8, got {shown(option)}")
        try:
            parsed[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            parsed[name] = value
    return parsed
