"""Dividing a data set into parts, such as train and val: which pictures belong together, and which part each gets."""

import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from ..errors import UsageError
from ..text import counted
from .images import PICTURE_SUFFIXES

# What Roboflow appends to the copies that it makes of one picture: photo_jpg.rf.0a1b...
_COPY = re.compile(r"(_(jpe?g|png|bmp|webp|tiff?))?\.rf\.[0-9A-Za-z]{8,}$", re.IGNORECASE)
_NUMBER = re.compile(r"[-_. (]*\d+\)?$")

# What a folder calls the file that lists its classes or their colours.
_OF_CLASSES = re.compile(
    r"(predefined_|obj_)?(class(es)?|codes?|labels?|labelmap|category|categories|names|colou?rs)"
    r"(_?(names?|maps?|colou?rs|codes?|list|ids?))?",
    re.IGNORECASE,
)


def parse_shares(texts: Sequence[str]) -> dict[str, float]:
    """Read `NAME=SHARE` of each part; the shares add up to 1, or to 100."""
    shares: dict[str, float] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            share = float(value)
        except ValueError:
            share = float("nan")
        if not equals or not re.fullmatch(r"[\w-]+", name) or name in shares or not 0 < share <= 100:
            raise UsageError(f"--parts takes NAME=SHARE of each part once, such as train=0.8 val=0.2, got {text!r}")
        if _OF_CLASSES.fullmatch(name):
            raise UsageError(
                f"--parts names a part {name}, and a list {name}.txt would be taken for the names of classes: call the "
                "part otherwise, such as train"
            )
        shares[name] = share
    total = sum(shares.values())
    whole = next((whole for whole in (1, 100) if abs(total / whole - 1) < 1e-6), None)
    if whole is None or len(shares) < 2:
        raise UsageError(f"the shares of two or more --parts must add up to 1, they add up to {total:g}")
    return {name: share / whole for name, share in shares.items()}


def group_of(name: str, by: str, pattern: str | None = None) -> str:
    """Tell the group of a picture, all of which gets into one part.

    By `group` it is the picture's folder and its name before its last number, as frames of one film have it; by `name`
    the name itself, which copies of one picture share. A regular expression finds it otherwise: its first group.
    """
    if pattern:
        found = re.search(pattern, name)
        if found is None:
            raise UsageError(f"--group-pattern {pattern!r} finds nothing in the name {name}: correct it")
        return found.group(1) if found.re.groups else found.group()
    folder, slash, last = name.rpartition("/")
    if last.lower().endswith(PICTURE_SUFFIXES):
        last = last.rpartition(".")[0]
    last = _COPY.sub("", last)
    return folder + slash + (_NUMBER.sub("", last) if by == "group" else last)


def grouping(names: Sequence[str], by: str, pattern: str | None = None) -> str:
    """Settle `auto`: by group, or by name where all names fall into a single group, so that it tells nothing."""
    if by != "auto":
        return by
    alone = not pattern and len({group_of(name, "group") for name in names}) == 1
    return "name" if alone else "group"


def divide(
    names: Sequence[str], shares: dict[str, float], by: str, *, seed: int = 0, pattern: str | None = None
) -> tuple[dict[str, list[int]], dict[str, int]]:
    """Divide pictures; gives the indices in each part, in their order, and how many groups each part has.

    Groups are drawn by the seed, larger ones first; each goes to the part that lacks most of its share.
    """
    if pattern:
        try:
            re.compile(pattern)
        except re.error as error:
            raise UsageError(f"--group-pattern {pattern!r} is no regular expression ({error})") from error
    groups: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(names):
        groups[group_of(name, by, pattern)].append(index)
    if len(groups) < len(shares):
        raise UsageError(_too_few(names, sorted(groups), len(shares), by))
    drawn = np.random.default_rng(seed).permutation(len(groups))
    members_of = list(groups.values())
    ordered = sorted((members_of[place] for place in drawn), key=len, reverse=True)
    parts: dict[str, list[int]] = {name: [] for name in shares}
    counts = dict.fromkeys(shares, 0)
    for position, members in enumerate(ordered):
        # The last groups are for parts that have none yet.
        lacking = [name for name in shares if not parts[name]]
        choices = lacking if len(ordered) - position <= len(lacking) else list(shares)
        chosen = max(choices, key=lambda name: shares[name] * len(names) - len(parts[name]))
        parts[chosen] += members
        counts[chosen] += 1
    return {name: sorted(members) for name, members in parts.items()}, counts


def _too_few(names: Sequence[str], groups: Sequence[str], parts: int, by: str) -> str:
    if by == "name" or len(names) < parts:
        makes = f"{counted(len(names), 'picture')} make{'s' * (len(names) == 1)} {counted(len(groups), 'group')}"
        return f"{makes}, too few for {parts} parts: leave parts out"
    listed = ", ".join(repr(group) for group in groups[:3])
    return (
        f"the names of {len(names)} pictures show {counted(len(groups), 'group')} ({listed}), too few for "
        f"{parts} parts: --by name divides picture by picture, which is right unless some are frames of one film or of "
        "one object; --group-pattern tells groups otherwise"
    )
