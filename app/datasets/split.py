"""The verb `data split`: lists of names, one for each part."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...trainers.data.kept_arrays import keeping
from ...trainers.data.parts import divide, grouping, parse_shares
from ...trainers.data.scan.faults import Faults
from ...trainers.data.scan.scanner import scan
from ...trainers.data.sources import SOURCES, kind_and_rest, open_source, split_texts
from ...trainers.data.subset import Subset
from ...trainers.errors import DataError, MetricfitError, UsageError
from ...trainers.files import write_text
from ...trainers.text import counted
from ..reports import grid, made
from .look import needs_of, open_data
from .options import DataSplitOptions

log = logging.getLogger("metricfit")
_MOST_CLASSES = 10
_GROUPS = "where some are frames of one film or of one object, say what tells these with --group-pattern"


def run(options: DataSplitOptions) -> int:
    """Divide a source, write the lists, and say what each part holds; gives the exit code."""
    shares = parse_shares(options.parts)
    needs = needs_of(options)
    folder = Path(options.out).expanduser() if options.out else _beside(options.source)
    lists = {part: folder / f"{part}.txt" for part in shares}
    there = [str(path) for path in lists.values() if path.exists()]
    if there:
        raise UsageError(f"{' and '.join(there)} exist already: remove them, or give another --out or other names")
    with keeping(options.scan_cache):
        return _divided(options, needs, shares, lists)


def _divided(options: DataSplitOptions, needs: str, shares: dict[str, float], lists: dict[str, Path]) -> int:
    source = open_data(options, needs)
    broken = [name for name in source.names if "\n" in name or "\r" in name]
    if broken:
        raise DataError(f"a list has a name in each line, and {broken[0]!r} has a line break in it: rename the picture")
    by = grouping(source.names, options.by, options.group_pattern)
    parts, groups = divide(source.names, shares, by, seed=options.seed, pattern=options.group_pattern)
    found = {part: scan(Subset(source, indices), needs=needs, quiet=options.quiet) for part, indices in parts.items()}
    for part, indices in parts.items():
        write_text(lists[part], "".join(f"{source.names[index]}\n" for index in indices))
    if (options.by, by) == ("auto", "name"):
        log.info("divided picture by picture, as names like %s tell no groups: %s", source.names[0], _GROUPS)
    log.info("%s", _table(found, groups, source.class_names))
    log.info("%s", made(lists.values()))
    for part, path in lists.items():
        log.info("%s:  %s", part, _written(options.source, needs, part, path, [source.names[i] for i in parts[part]]))
    _warn(found)
    return 0


def _beside(text: str) -> Path:
    """Give the folder where a source's lists belong."""
    texts = split_texts(text)
    name, rest = kind_and_rest(texts[0])
    kind = SOURCES.get(name)
    if len(texts) > 1 or kind is None or kind.lists is None:
        raise UsageError(f"{text} has no folder of its own for lists: give one as --out")
    return kind.lists(rest)


def _table(found: Mapping[str, Faults], groups: Mapping[str, int], class_names: Sequence[str]) -> str:
    """Lay out how many pictures and groups each part has, and how much of each class."""
    columns = {part: _by_class(faults, class_names) for part, faults in found.items()}
    headings = list(dict.fromkeys(heading for one in columns.values() for heading in one))
    shown = headings[:_MOST_CLASSES]
    total = sum(faults.total for faults in found.values())
    rows = [["part", "pictures", "share", "groups", *shown]]
    for part, faults in found.items():
        cells = [columns[part].get(heading, "0") for heading in shown]
        rows.append([part, str(faults.total), f"{faults.total / total:.1%}", str(groups[part]), *cells])
    more = f"\n... and {len(headings) - len(shown)} more classes" if len(headings) > len(shown) else ""
    return grid(rows) + more


def _by_class(faults: Faults, class_names: Sequence[str]) -> dict[str, str]:
    return {heading: text for facts in faults.facts.values() for heading, text in facts.by_class(class_names).items()}


def _written(source: str, needs: str, part: str, path: Path, names: Sequence[str]) -> str:
    """Say how the part is written as a source: by its name where that finds the list, else by the list."""
    short = f"{source}:{part}"
    try:
        if list(open_source(short, needs=needs).names) == list(names):
            return short
    except MetricfitError:
        pass
    return f"{source}:{path}"


def _warn(found: Mapping[str, Faults]) -> None:
    faulty = sum(len(faults.faults) for faults in found.values())
    if faulty:
        log.warning("%s at fault are in the lists: 'metricfit data check' names them", counted(faulty, "example"))
    for part, faults in found.items():
        absent = [note for note in faults.notes if note.startswith("no ")]
        for note in absent:
            log.warning("%s: %s; another --seed may spread them better", part, note)
