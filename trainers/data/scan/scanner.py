"""The scan before the work: every example is decoded once, and what cannot be used is reported with what to do."""

import logging
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from tqdm import tqdm

from ...errors import DataError
from ...machine import workers
from ..example import IGNORE, Example, Source
from ..labels import LabelCoding, with_coding
from ..masks import check_sizes
from ..sources import all_scenes, open_source
from ..subset import subset
from .boxes import BoxFacts, check_boxes
from .labels import LabelFacts

log = logging.getLogger("metricfit")


@dataclass
class Faults:
    """What a scan found.

    Attributes:
        source: The name of the source.
        total: The number of examples looked at.
        faults: (name of the example or file, one sentence) for everything that cannot be used.
        repaired: What was mended on reading -> how often.
        repaired_in: What was mended on reading -> the names of the examples.
        masks: The number of usable examples with a mask.
        empty: How many of those have no salient pixel.
        full: How many of those have salient pixels and no background.
        boxes: What boxes there are in the usable examples; None where there are none to be had.
        labels: What class maps there are in the usable examples; None where there are none to be had.
        class_names: The names of the classes of boxes or pixels.
        remarks: What the source itself finds worth knowing, a sentence each.
    """

    source: str
    total: int
    faults: list[tuple[str, str]] = field(default_factory=list)
    repaired: dict[str, int] = field(default_factory=dict)
    masks: int = 0
    empty: int = 0
    full: int = 0
    repaired_in: dict[str, list[str]] = field(default_factory=dict)
    boxes: BoxFacts | None = None
    labels: LabelFacts | None = None
    class_names: Sequence[str] = ()
    remarks: Sequence[str] = ()

    @property
    def sentences(self) -> list[str]:
        """What is wrong, each thing once: one sentence may be about several examples."""
        return list(dict.fromkeys(sentence for _, sentence in self.faults))

    @property
    def notes(self) -> list[str]:
        """What is no fault and yet worth knowing, a sentence each."""
        notes = list(self.remarks)
        if self.empty:
            notes.append(
                f"{self._share(self.empty)} empty: FLoss gives them no gradient, see empty_target in docs/losses.md"
            )
        if self.full:
            notes.append(f"{self._share(self.full)} salient everywhere: look whether that is meant")
        if self.boxes is not None:
            notes += self.boxes.notes(self.class_names)
        if self.labels is not None:
            notes += self.labels.notes(self.class_names)
        return notes

    @property
    def hopeless(self) -> bool:
        """Whether there is nothing to be learnt: no salient pixel, no pixel or no box that counts, in any example."""
        boxless = self.boxes is not None and self.boxes.pictures > 0 and not self.boxes.counted
        unlabelled = self.labels is not None and not self.labels.counted
        return boxless or unlabelled or 0 < self.masks == self.empty

    def _share(self, number: int) -> str:
        return f"{number} of {counted(self.masks, 'mask')} {'is' if number == 1 else 'are'}"

    def report(self, limit: int | None = 10) -> str:
        """Say what was found.

        Args:
            limit: The number of faults to list; None lists all.

        Returns:
            Text of one line, or of one line for each fault, repair and note below a heading.
        """
        sentences = self.sentences
        shown = sentences if limit is None else sentences[:limit]
        lines = [f"{self.source}: {counted(self.total, 'example')}, {counted(len(sentences), 'fault')}"]
        lines += [f"  {sentence}" for sentence in shown]
        if len(sentences) > len(shown):
            lines.append(f"  ... and {len(sentences) - len(shown)} more")
        if self.boxes is not None and self.boxes.pictures:
            lines.append(f"  {self.boxes.line(self.class_names)}")
        if self.labels is not None:
            lines.append(f"  {self.labels.line(self.class_names)}")
        for kind, times in self.repaired.items():
            names = list(dict.fromkeys(self.repaired_in.get(kind, ())))
            shown = names[: 20 if limit is None else 3]
            where = f": {', '.join(shown)}{', ...' if len(names) > len(shown) else ''}" if names else ""
            lines.append(f"  repaired: {kind} ({counted(times, 'time')}{where})")
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    def raise_if_any(self, skip_bad: bool = False, strict: bool = False, limit: int = 5) -> None:
        """Stop the run when the data do not allow it.

        Args:
            skip_bad: Let faults pass; the caller leaves those examples out.
            strict: Let nothing pass, not even what was repaired.
            limit: The number of faults to list.

        Raises:
            DataError: If there are faults that neither argument lets pass.
        """
        if strict and (self.faults or self.repaired):
            raise DataError(f"{self.report(limit)}\nmend them: --strict lets neither faults nor repairs pass")
        if self.faults and not skip_bad:
            raise DataError(f"{self.report(limit)}\nmend them, or leave them out with --skip-bad")


def counted(number: int, noun: str) -> str:
    """Say how many, as `1 fault`, `2 faults` or `no faults`."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def load_checked(source: Source, index: int, needs: str = "") -> Example:
    """Load one example of any source and make sure that it can be used.

    Args:
        source: Any source.
        index: Which example.
        needs: One of `NEEDS`: parts that are not needed are left out. All that there is stays when empty.

    Returns:
        The example.

    Raises:
        DataError: If its files cannot be used, or its parts do not fit together.
    """
    example = source.load(index)
    if needs:
        example = replace(example, **{kind: None for kind in ("mask", "labels", "boxes") if kind != needs})
    for kind in ("mask", "labels"):
        if getattr(example, kind) is not None:
            check_sizes(example.image, getattr(example, kind), example.name, example.name, kind)
    if example.mask is not None and not np.isin(np.unique(example.mask), (0, 1, IGNORE)).all():
        raise DataError(
            f"the mask of {example.name} holds other values than 0, 1 and {IGNORE} (ignore): map its values to these"
        )
    if example.boxes is not None:
        check_boxes(example, source.class_names)
    return example


@dataclass(frozen=True)
class _Look:
    """What one example shows: its fault, how far its mask reaches (full, empty, partly), repairs, boxes and labels."""

    fault: str | None = None
    reach: str = ""
    repairs: tuple[str, ...] = ()
    boxes: BoxFacts | None = None
    labels: LabelFacts | None = None


def _look_at(source: Source, index: int, needs: str) -> _Look:
    try:
        example = load_checked(source, index, needs)
    except DataError as error:
        return _Look(fault=str(error))
    reach, mask = "", example.mask
    if mask is not None:
        reach = "empty" if not (mask == 1).any() else "partly" if (mask == 0).any() else "full"
    boxes = None if example.boxes is None else BoxFacts.of(example)
    # Values are classes only where these have names, and hidden behind a mask they are not looked at.
    seen = example.labels is not None and mask is None and boxes is None and source.class_names
    labels = LabelFacts.of(example, len(source.class_names)) if seen else None
    return _Look(reach=reach, repairs=example.repairs, boxes=boxes, labels=labels)


def scan(source: Source, *, needs: str = "", quiet: bool = False) -> Faults:
    """Decode every example of a source once and report what cannot be used.

    Decoding is the only check that finds a truncated file; it runs in a thread per core.

    Args:
        source: Any source. Its attributes `structural_faults`, `repaired` and `notes`, where it has them, add what is
            known without decoding.
        needs: What is looked at, one of `NEEDS`; everything there is when empty.
        quiet: Show no progress bar.

    Returns:
        The faults, in the order of the examples, structural ones first; the repairs; what masks and boxes there are.
    """
    faults = Faults(
        source.name,
        len(source),
        list(getattr(source, "structural_faults", ())),
        dict(getattr(source, "repaired", {})),
        class_names=source.class_names,
        remarks=tuple(getattr(source, "notes", ())),
    )
    reaches: Counter[str] = Counter()
    with (
        ThreadPoolExecutor(workers()) as pool,
        tqdm(
            total=len(source), desc=f"scan {source.name}", unit="image", disable=quiet or None, delay=0.5, leave=False
        ) as bar,
    ):
        for index, look in enumerate(pool.map(lambda index: _look_at(source, index, needs), range(len(source)))):
            bar.update()
            reaches[look.reach] += 1
            if look.fault is not None:
                faults.faults.append((source.names[index], look.fault))
            for kind in look.repairs:
                faults.repaired[kind] = faults.repaired.get(kind, 0) + 1
                faults.repaired_in.setdefault(kind, []).append(source.names[index])
            if look.boxes is not None:
                faults.boxes = faults.boxes or BoxFacts()
                faults.boxes += look.boxes
            if look.labels is not None:
                if faults.labels is None:
                    faults.labels = look.labels
                else:
                    faults.labels += look.labels
    faults.masks = len(source) - reaches[""]
    faults.empty, faults.full = reaches["empty"], reaches["full"]
    return faults


def usable(source: Source, faults: Faults) -> Source:
    """Take the examples of a source in which a scan found no fault.

    Raises:
        DataError: If none is left.
    """
    bad = {name for name, _ in faults.faults}
    good: Sequence[int] = [index for index, name in enumerate(source.names) if name not in bad]
    if not good:
        raise DataError(f"none of the {counted(len(source), 'example')} can be used\n{faults.report(5)}")
    return source if len(good) == len(source) else subset(source, good)


def checked_source(
    text: str,
    *,
    needs: str = "mask",
    skip_bad: bool = False,
    strict: bool = False,
    quiet: bool = False,
    coding: LabelCoding | None = None,
) -> Source:
    """Open a source, scan it, and give back what can be used: the door through which training and evaluation get data.

    Args:
        text: A source, as `open_source` takes it.
        needs: `mask`, `labels`, `boxes` or `none`.
        skip_bad: Leave faulty examples out and log all of them as a warning, instead of stopping.
        strict: Stop on repaired examples too; wins over `skip_bad`.
        quiet: Show no progress bar. What is left out is said all the same.
        coding: For labels, what the values of the files mean; by default what the source says.

    Returns:
        The source, or its usable part. Labels are indices of its `class_names`, and 255 (ignore).

    Raises:
        UsageError: If there is no such source.
        DataError: If the data are missing, or faulty and not to be skipped, or nothing is left.
    """
    source = open_source(text, needs=needs)
    if needs == "labels":
        source = with_coding(source, coding or LabelCoding())
    if all_scenes(text):
        # Drawn, not read: there are no files to be at fault, and drawing all of them first would take a while.
        return source
    faults = scan(source, needs=needs, quiet=quiet)
    faults.raise_if_any(skip_bad=skip_bad, strict=strict)
    kept = usable(source, faults)
    if faults.faults:
        left_out = f"{len(source) - len(kept)} of {counted(len(source), 'example')} left out"
        log.warning("--skip-bad: %s\n%s", left_out, faults.report(limit=None))
    elif faults.repaired or faults.notes:
        log.log(logging.WARNING if faults.hopeless else logging.INFO, "%s", faults.report())
    return kept
