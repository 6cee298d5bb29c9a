"""Which numbers settings can have, by name and for all verbs alike: what is outside could be no run."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from ..errors import UsageError
from ..text import shown

_MANY = 1_000_000


@dataclass(frozen=True)
class Range:
    """From `low` to `high`, without the ends where `above` or `below` say so; never NaN."""

    low: float
    high: float
    above: bool = False
    below: bool = False

    def fault(self, value: float) -> str | None:
        """Say what a value must be that is outside; None for one inside."""
        if value != value:
            return f"a number {'above' if self.above else 'from'} {self.low:.10g}"
        if value < self.low or (self.above and value == self.low):
            return f"{'above' if self.above else 'at least'} {self.low:.10g}"
        if value > self.high or (self.below and value == self.high):
            return f"{'below' if self.below else 'at most'} {self.high:.10g}"
        return None


_COUNT = Range(1, _MANY)
_POSITIVE = Range(0, _MANY, above=True)
_SHARE = Range(0, 1, below=True)

RANGES = {
    "anchor_scale": Range(0, 1000, above=True),
    "aspp_channels": Range(1, 8192),
    "aspp_dilations": Range(1, 1024),
    "batch_size": Range(1, 65_536),
    "beta2": _POSITIVE,
    "box_weight": _POSITIVE,
    "cache_mib": Range(0, 1 << 30),
    "channels": Range(1, 8192),
    "checkpoint_steps": _COUNT,
    "clip_norm": Range(0, 1e9, above=True),
    "correlation_weight": _POSITIVE,
    "count": Range(1, 100_000),
    "devices": Range(1, 1024),
    "ema": _SHARE,
    "epochs": _COUNT,
    "frames": Range(1, 1e12),
    "grace": Range(0, _MANY),
    "head_channels": Range(1, 8192),
    "head_layers": Range(0, 100),
    "init_logit_scale": _POSITIVE,
    "init_threshold": Range(0, 1, above=True, below=True),
    "learning_rate": Range(0, 3e38, above=True),  # of a float32
    "max_boxes": Range(1, 100_000),
    "max_megapixels": _POSITIVE,
    "min_epoch_steps": _COUNT,
    "minutes": Range(0, 10 * _MANY, above=True),
    "momentum": _SHARE,
    "patience": _COUNT,
    "power": Range(0, 100, above=True),
    "proposals": Range(1, 2000),
    "region_units": Range(1, 8192),
    "repeat_rare": Range(0, 1),
    "repeats": _COUNT,
    "restarts": Range(0, 1000),
    "restores": Range(0, 1000),
    "rpn_weight": _POSITIVE,
    "scales_per_octave": Range(1, 3),
    "seed": Range(0, 2**32 - 1),  # NumPy's generator takes 32 bits
    "seeds": Range(1, 1000),
    "shards": Range(1, 99_999),
    "size": Range(1, 8192),
    "sweep_seeds": Range(1, 1000),
    "teacher_share": Range(0, 1, above=True),
    "threads": Range(1, 1024),
    "trial_epochs": _COUNT,
    "wait_minutes": Range(0, 10 * _MANY, above=True),
    "warmup_share": _SHARE,
    "weight_decay": Range(0, 1000),
    "workers": Range(1, 256),
}
"""By the name of a setting."""


def check_ranges(options: Any, prefix: str = "") -> None:
    """Refuse options, also those within them, that have a number outside of its range; UsageError names the flag."""
    for setting in dataclasses.fields(options):
        value = getattr(options, setting.name)
        flag = f"--{prefix}{setting.name.replace('_', '-')}"
        if dataclasses.is_dataclass(value):
            check_ranges(value, f"{flag[2:]}.")
        elif setting.name in RANGES:
            several = isinstance(value, tuple)
            for one in value if several else (value,):
                if _is_number(one) and (wanted := RANGES[setting.name].fault(one)):
                    raise UsageError(f"{flag} must be {wanted}{' each' * several}, got {shown(value)}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
