"""A threshold with a guarantee, put into an exported model: card, README, and the file where that cuts scores."""

import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..trainers.data.sources import names_clips, open_source, split_texts
from ..trainers.errors import MetricfitError, UsageError
from ..trainers.files import digest, write_text
from ..trainers.guarantees.promise import Promise, read_promise, refuse_too_few
from ..trainers.guarantees.unseen import fingerprints, refuse_seen
from ..trainers.replacing import replaced_folder
from .card import NAMES_AND_CONTENTS, FileEntry, read_card, write_card
from .formats.registry import FORMATS
from .guarantee_entry import entry_of
from .readme import readme

if TYPE_CHECKING:
    from ..trainers.data.example import Source
    from ..trainers.guarantees.kept import Guarantee

log = logging.getLogger("metricfit")


def promise_of(guarantee: str | None, data: str | None) -> Promise | None:
    """Read what an export is to promise, by which data; UsageError where there is one without the other."""
    if (guarantee is None) != (data is None):
        raise UsageError(
            "--guarantee and --guarantee-data go together: a promise, and pictures that are new to the model, neither "
            "of its training nor of its validation data"
        )
    return None if guarantee is None else read_promise(guarantee)


def with_calibration_pictures(
    promise: Promise, source: "Source", known: "Iterable[Source]", seen: Sequence[str] = ()
) -> Promise:
    """Refuse too few pictures, and those by which the model was trained or chosen, of the sources that are known.

    Gives the promise with fingerprints of pictures that are to be refused under other names, too: those `seen`, which
    a card keeps, and some of the known sources.
    """
    if names_clips(source.name):
        raise UsageError(
            f"a guarantee is by pictures that have nothing to do with each other, and of {source.name} many frames are "
            "of one: give the pictures themselves"
        )
    refuse_too_few(promise, len(source))
    refuse_seen(known := tuple(known), source)
    return replace(promise, known=frozenset(seen or fingerprints(known)))


def known_sources(*texts: str | None) -> "Iterator[Source]":
    """Open data by which a model was trained or chosen, each once; says of those that are not here what follows."""
    absent = []
    for part in dict.fromkeys(part for text in filter(None, texts) for part in split_texts(text)):
        try:
            yield open_source(part, needs="none")
        except MetricfitError:
            absent.append(part)
    if absent:
        log.warning(
            "%s, by which the model was trained or chosen, cannot be opened here: whether the calibration pictures are "
            "among them is yours to know, and what is promised holds only if they are not",
            ", ".join(absent),
        )


def keep_guarantee(file: Path, kept: "Guarantee", data: str) -> list[Path]:
    """Put what was promised of an exported file into its folder, which changes as a whole or not at all.

    Args:
        file: what the card beside it describes.
        kept: the threshold, with the file's own scores.
        data: the source of the calibration pictures.

    Returns:
        What was changed.

    Raises:
        UsageError: the card does not know such a file.
        MetricfitError: no threshold keeps the promise, or the folder cannot be written.
    """
    if kept.threshold is None:
        raise MetricfitError(f"{file} keeps its thresholds: {kept.statement}")
    folder, name = file.resolve().parent, file.resolve().name
    card = read_card(folder)
    if name not in card.files:
        raise UsageError(f"the card in {folder} does not know {name}: export the model again")
    entry, of_file = card.files[name], entry_of(kept, data)
    with replaced_folder(folder) as new:
        try:
            shutil.copytree(folder, new, dirs_exist_ok=True)
        except (OSError, shutil.Error) as error:
            raise MetricfitError(f"{folder} cannot be copied ({error}): check the folder and the disk") from error
        (known,) = (one for one in FORMATS.values() if one.kind == entry["kind"])
        known.cut(new / name, [of_file["threshold"]] * max(1, len(card.class_names)))
        size, sha256 = digest(new / name)
        changed = {"guarantee": of_file, "bytes": size, "sha256": sha256, "sha256_of": NAMES_AND_CONTENTS}
        card = replace(card, files=card.files | {name: cast(FileEntry, entry | changed)})
        write_card(card, new)
        write_text(new / "README.md", readme(card))
    return [folder / "card.json", folder / "README.md"]
