"""Configurations as files: what a run's config.json keeps of one, and one read back from there."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from ..errors import DataError, UsageError
from ..text import read_json, shown
from .config import RunConfig
from .filling import filled

# What settings were before there were any: of a config.json that does not name them.
_BEFORE = {"min_epoch_steps": 1, "weights": "none"}

# Fields that say where and how loudly, not what: they may differ when a run is continued.
NOT_PART_OF_A_RUN = (
    "out", "config", "overwrite", "quiet", "cache_mib", "minutes", "checkpoint_steps", "on_nan", "restores", "trust",
    "max_megapixels", "data_service", "scan_cache", "strategy", "devices", "wait_minutes",
)  # fmt: skip

# What may be `auto`: a run keeps what it was decided to be. Of other settings, folders say, it is a name as any other.
DECIDED = ("weights", "anchor_scale", "scales_per_octave")

# `overwrite` must not come back with `--config`: it would delete the run that the file lies in. Nor must `trust`.
NOT_KEPT = ("config", "overwrite", "quiet", "trust", "scan_cache")

OptionsT = TypeVar("OptionsT")


def to_dict(config: RunConfig) -> dict[str, Any]:
    """The configuration as JSON-able data, without what only says how this one start went."""
    return {name: value for name, value in dataclasses.asdict(config).items() if name not in NOT_KEPT}


def read_config(path: str | Path, config_class: type[OptionsT]) -> OptionsT:
    """Read a configuration from a run's config.json, or from a file with the fields at its top."""
    try:
        found = read_json(path)
    except DataError as error:
        raise UsageError(f"--config: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"--config {path} must hold settings by name, got {shown(found)}")
    # The file of a run is whole; one of a user's own leaves out what is to be as by default.
    whole = found.get("config")
    if whole is not None and not isinstance(whole, dict):
        raise UsageError(f"config in {path} must be settings by name, got {shown(whole)}")
    values = found if whole is None else as_meant(whole)
    if values.get("trust"):
        raise UsageError(f"{path} cannot say whom to trust: leave trust out of it, and give --trust yourself")
    return filled(config_class, values, str(path))


def as_meant(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Add to the settings of a run what they meant before a setting was there."""
    return {**_BEFORE, **settings}
