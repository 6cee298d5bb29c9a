"""The verbs `data check` and `data show`: look at data before training on them."""

import logging
import shlex
from collections.abc import Sequence
from dataclasses import replace

from ...trainers.data.example import PLURALS, Source
from ...trainers.data.kept_arrays import keeping
from ...trainers.data.labels import LabelCoding, with_coding
from ...trainers.data.pixel_files.coding import FileCoding
from ...trainers.data.scan.causes import told_together
from ...trainers.data.scan.contact_sheet import contact_sheet
from ...trainers.data.scan.scanner import scan
from ...trainers.data.sources import open_source, usual_needs
from ...trainers.errors import DataError, UsageError
from ...trainers.text import counted
from ..options import DataCheckOptions, DataOptions, DataShowOptions
from ..reports import made, say

log = logging.getLogger("metricfit")

_TRAINED = {"mask": "saliency", "labels": "segmentation"}
"""What is needed -> the task that trains on it and has the flags which faults of files name."""


def check(options: DataCheckOptions) -> int:
    """Scan a source and list every fault, repair and note; gives the exit code. Faults are a `DataError`."""
    with keeping(options.scan_cache):
        return _checked(options)


def _checked(options: DataCheckOptions) -> int:
    needs = needs_of(options)
    faults = scan(open_data(options, needs), needs=needs, quiet=options.quiet)
    say("%s", faults.report(limit=None, names=None if options.all else 3))
    if faults.repaired:
        say("what was repaired is used as mended; a training or evaluation with --strict stops at it")
    if faults.sentences:
        or_skip = "" if faults.doubts else ", or let a training or evaluation leave those examples out with --skip-bad"
        told = f"{counted(len(faults.sentences), 'fault')} in {options.source}: mend what is listed{or_skip}"
        raise DataError(told + _by_flags(options, needs, faults.sentences))
    return 0


def _by_flags(options: DataCheckOptions, needs: str, sentences: Sequence[str]) -> str:
    """Give the line with the training whose flags, which the faults name, leave fewer of them; "" where none do."""
    with_flags, left = options, sentences
    while (flagged := _with_named_flags(with_flags, left)) != with_flags:
        with_flags, source = flagged, _opened(flagged, needs)
        if needs not in _TRAINED or not source.class_names:
            return ""
        left = scan(source, needs=needs, quiet=options.quiet).sentences
    if len(left) >= len(sentences):
        return ""
    words = ["metricfit", "train", _TRAINED[needs], "--data", options.source, *_reading_flags(with_flags)]
    return f"\n{counted(len(left), 'fault')} with:  {shlex.join(words)}"


def _with_named_flags(options: DataCheckOptions, sentences: Sequence[str]) -> DataCheckOptions:
    """Add the flags that faults name and that are not given yet."""
    if options.mask_threshold is None and any("--mask-threshold 0.5" in sentence for sentence in sentences):
        options = replace(options, mask_threshold=0.5)
    if any("let --resize-masks do it" in sentence for sentence in sentences):
        options = replace(options, resize_masks=True)
    return options


def needs_of(options: DataOptions) -> str:
    """Tell what each example must have."""
    if options.needs != "auto":
        return options.needs
    if options.classes or options.ignore or options.colours:
        return "labels"
    return "mask" if options.mask_threshold is not None else usual_needs(options.source)


def open_data(options: DataOptions, needs: str) -> Source:
    """Open a source, and say what was recognised."""
    source = _opened(options, needs)
    for line in source.recognised:
        say("%s", line)
    if source.recognised and options.needs == "auto":
        say("looked at for %s; --needs asks for something else", PLURALS[needs])
    return source


def _opened(options: DataOptions, needs: str) -> Source:
    """Open a source; class maps whose classes nobody names keep the values of their files."""
    coding, files = coding_of_data(options, needs)
    source = open_source(options.source, needs=needs, files=files)
    if needs == "labels" and (source.class_names or options.classes or options.ignore):
        return with_coding(source, coding)
    return source


def coding_of_data(options: DataOptions, needs: str) -> tuple[LabelCoding, FileCoding]:
    """Give what is said of how the files are written."""
    if needs != "labels" and (options.classes or options.ignore or options.colours):
        raise UsageError(
            f"--classes, --ignore and --colours are for labels, --needs is {needs}: leave one of them away"
        )
    files = FileCoding(options.mask_threshold, options.resize_masks, options.colours, options.max_megapixels)
    return LabelCoding(options.classes, options.ignore), files


def _reading_flags(options: DataOptions) -> list[str]:
    """Give the flags that say how the files are read."""
    values = {
        name: getattr(options, name)
        for name in ("classes", "ignore", "mask_threshold", "resize_masks", "colours", "max_megapixels")
    }
    words = []
    for name, value in values.items():
        if value not in (None, False, ()):
            given = () if value is True else value if isinstance(value, tuple) else (value,)
            words += [f"--{name.replace('_', '-')}", *map(str, given)]
    return words


def show(options: DataShowOptions) -> int:
    """Draw a contact sheet of a source and say what of it cannot be used; gives the exit code."""
    usual, needs = usual_needs(options.source), needs_of(options)
    source = open_data(options, needs)
    sheet = contact_sheet(source, options.out, needs=needs, count=options.count, quiet=options.quiet)
    say("%s", made([sheet.path]))
    structural = told_together(source.structural_faults)
    unusable = f"{len(sheet.faults)} of the {counted(sheet.shown, 'example')} shown cannot be used"
    lines = [unusable] if sheet.faults else []
    lines += structural[:3]
    if len(structural) > 3:
        lines.append(f"... and {len(structural) - 3} more such faults")
    if lines:
        words = [options.source, *([] if needs == usual else ["--needs", needs]), *_reading_flags(options)]
        lines.append(f"every fault:  metricfit data check {shlex.join(words)}")
        log.warning("%s", "\n".join(lines))
    return 0
