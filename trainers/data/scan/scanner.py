"""The scan before the work: every example is decoded once, and what cannot be used is reported with what to do."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import DataError
from ...progress import progress
from ...text import counted
from .. import kept_arrays
from ..decoding import is_turned
from ..example import Example, Source
from ..labels import LabelCoding, irreplaceable, with_coding
from ..large.turns import TURNS
from ..names import chosen
from ..pixel_files.coding import FileCoding
from ..sources import all_scenes, open_source
from ..subset import Subset
from ..targets import TARGETS
from .faults import Faults
from .in_order import in_order
from .kept import KeptScan
from .looks import Looking, Looks, Told
from .scanned import Scanned

log = logging.getLogger("metricfit")

DARK = 12
"""A picture without any value of so much is nearly black."""
KEPT_EVERY = 300.0
"""Seconds of a scan after which what was found so far is kept: who kills it loses no more."""


def load_checked(source: Source, index: int, needs: str = "") -> Example:
    """Load one example with the targets that are needed, all when empty, and make sure that it can be used."""
    example = source.load(index)
    if needs:
        others: dict[str, Any] = dict.fromkeys(TARGETS.keys() - {needs})
        example = replace(example, **others)
    for kind, target in TARGETS.items():
        if getattr(example, kind) is not None:
            target.check(example, source.class_names)
    return example


class Look(NamedTuple):
    """What one example is like: what is said of it, and rows of facts by kind of target."""

    told: Told
    facts: dict[str, tuple[int, ...]]


def _odd(example: Example, file: Path | None) -> Iterator[str]:
    """Say what is odd about a picture itself, and what to do."""
    image = example.image
    if image.max(initial=0) < DARK:
        yield f"black or nearly so, no value is above {DARK - 1} of 255: look whether that is meant"
    elif (image == image[:1, :1]).all():
        yield "of one colour throughout: look whether that is meant"
    has_pixels = example.mask is not None or example.labels is not None
    if file is not None and (has_pixels or example.boxes is not None) and is_turned(file, seen=not has_pixels):
        yield (
            "turned by EXIF rotation, and the size does not tell whether what belongs to it is turned, too: look with "
            "metricfit data show"
        )


def look_at(example: Example, class_names: Sequence[str], file: Path | None) -> Look:
    """Look at a checked example, whose picture is a file of its own or None."""
    there = [target for kind, target in TARGETS.items() if getattr(example, kind) is not None]
    facts = {target.name: target.facts(example, class_names) for target in there}
    rows = {kind: tuple(found.row()) for kind, found in facts.items() if found is not None}
    return Look(Told(tuple(example.repairs), tuple(example.adapted), tuple(_odd(example, file))), rows)


def _look_at(source: Source, index: int, needs: str) -> Look | DataError:
    """Look at one example, or give its fault."""
    try:
        example = load_checked(source, index, needs)
    except DataError as error:
        return error
    return look_at(example, source.class_names, source.picture_file(index))


def _in_turn(source: Source, index: int, needs: str) -> Look | DataError:
    with TURNS.taken():
        return _look_at(source, index, needs)


def scan(source: Source, *, needs: str = "", quiet: bool = False) -> Faults:
    """Decode every example once; gives faults in their order, and what targets there are. No `needs` means all.

    Within `kept_arrays.keeping`, what an earlier scan found in files that are as they were is taken from there, and
    what is found now is kept for the next one.
    """
    return _scanned(source, needs, quiet)[0]


def _scanned(source: Source, needs: str, quiet: bool) -> tuple[Faults, Looks]:
    looks = _looked_at(source, needs, quiet, KeptScan.of(source, needs, quiet=quiet))
    found = _told(source, looks)
    found.doubts = source.doubts()
    return found, looks


def _told(source: Source, looks: Looks) -> Faults:
    """Bring what was seen of a source's examples together."""
    found = Faults(source.name, len(source), list(source.structural_faults), dict(source.repaired))
    found.class_names, found.remarks = source.class_names, tuple(source.notes)
    names = source.names
    found.faults += [(names[index], sentence) for index, sentence in looks.faults.items()]
    where: dict[tuple[str, str], list[np.ndarray]] = {}
    for told, indices in looks.groups():
        for field_name, kinds in told._asdict().items():
            for kind in kinds:
                where.setdefault((field_name, kind), []).append(indices)
    for (field_name, kind), groups in where.items():
        indices = np.sort(np.concatenate(groups))
        if field_name == "repairs":
            found.repaired[kind] = found.repaired.get(kind, 0) + len(indices)
            found.repaired_in[kind] = chosen(names, indices)
        else:
            getattr(found, field_name)[kind] = chosen(names, indices)
    known = {kind: rows for kind, rows in looks.facts.items() if len(rows.values)}
    first = {kind: int(np.argmax(rows.lengths > 0)) for kind, rows in known.items()}
    for kind in sorted(known, key=lambda kind: first[kind]):
        there = np.flatnonzero(known[kind].lengths)
        found.facts[kind] = TARGETS[kind].of_rows(known[kind].take(there), source.class_names)
    return found


def _looked_at(source: Source, needs: str, quiet: bool, kept: KeptScan | None) -> Looks:
    """Look at all examples that are not known; what was found is kept, also where the scan is ended early."""
    known = kept.known() if kept else Looks.none(len(source))
    missing, looking = np.flatnonzero(known.told < 0).tolist(), Looking(len(source))
    found = in_order(lambda index: _in_turn(source, index, needs), missing)
    shown = {"desc": f"scan {source.name}", "total": len(missing), "unit": "image", "leave": False}
    begun = time.monotonic()
    try:
        for index, look in zip(missing, progress(found, quiet=quiet, delay=0.5, **shown)):
            if isinstance(look, DataError):
                looking.fault(index, str(look))
            else:
                looking.add(index, *look)
            if kept and time.monotonic() - begun > KEPT_EVERY:
                kept.keep(known.under(looking.looks()))
                begun = time.monotonic()
    finally:
        looks = known.under(looking.looks())
        if kept and time.monotonic() - begun > kept_arrays.WORTH:
            kept.keep(looks)
    return looks


def usable(source: Source, faults: Faults, left_out: Sequence[str] | None = None) -> Source:
    """Take the examples of a source in which a scan found no fault; or all but those that were once left out."""
    bad = {name for name, _ in faults.faults} if left_out is None else set(left_out)
    good = np.ones(len(source), bool)
    if bad:
        good = np.fromiter((name not in bad for name in source.names), bool, len(source))
    if not good.any():
        raise DataError(f"none of the {counted(len(source), 'example')} can be used\n{faults.report(5)}")
    kept = source if good.all() else Subset(source, np.flatnonzero(good))
    # Also those that are not there any more: they must not come back either.
    kept.left_out = tuple(chosen(source.names, np.flatnonzero(~good))) if left_out is None else tuple(left_out)
    return kept


def checked_source(
    text: str,
    *,
    needs: str = "mask",
    skip_bad: bool = False,
    strict: bool = False,
    quiet: bool = False,
    coding: LabelCoding | None = None,
    files: FileCoding | None = None,
    left_out: Sequence[str] | None = None,
    replacing: bool = True,
    cache: bool = True,
    remembered: bool = False,
) -> Source:
    """Open a source, scan it, and give back what can be used: the door through which training and evaluation get data.

    Args:
        text: a source, as `open_source` takes it, asked for what it `needs`.
        skip_bad: leave faulty examples out and log all of them as a warning, instead of stopping.
        strict: stop on repaired examples too; wins over `skip_bad`.
        coding: for labels, what the values of the files mean; by default what the source says.
        files: how masks and labels are written in files.
        left_out: the names of what was left out when a training began that goes on now: with `skip_bad` the others
            keep their places, also where one has turned bad since. None leaves out what is faulty now.
        replacing: whether another one may stand in for such a one; else it is a DataError.
        cache: whether an earlier scan may tell of files that are as they were, and this one is kept; see `scan`.
        remembered: whether what is given knows what was `seen` of it.

    Raises:
        UsageError: there is no such source.
        DataError: the data are missing, or faulty and not to be skipped, or nothing is left.
    """
    with kept_arrays.keeping(cache):
        source = open_source(text, needs=needs, files=files)
        if needs == "labels":
            source = with_coding(source, coding or LabelCoding())
        for line in source.recognised:
            log.info("%s", line)
        if all_scenes(text):
            # Drawn, not read: there are no files to be at fault, and drawing all of them first would take a while.
            return source
        if (seen := source.seen()) is not None:
            # Looked at when it was packed; what turned bad since is noticed when it is read.
            log.info("%s: %s, checked when packed", source.name, counted(len(source), "example"))
            faults = _told(source, seen)
        else:
            faults, looks = _scanned(source, needs, quiet)
            source = Scanned(source, looks) if remembered else source
    faults.raise_if_any(skip_bad=skip_bad, strict=strict)
    kept = usable(source, faults, left_out)
    if faults.faults:
        told = f"{len(source) - len(kept)} of {counted(len(source), 'example')} left out"
        if left_out is not None and (turned_bad := {name for name, _ in faults.faults} & set(kept.names)):
            if not replacing:
                raise irreplaceable(next(sentence for name, sentence in faults.faults if name in turned_bad))
            told += f", as when this run began; another one stands in for {len(turned_bad)} that turned bad since"
        log.warning("--skip-bad: %s\n%s", told, faults.report(limit=None, names=None))
    elif faults.repaired or faults.adapted or faults.notes:
        log.log(logging.WARNING if faults.hopeless else logging.INFO, "%s", faults.report())
    return kept
