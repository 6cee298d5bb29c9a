"""The page for people beside a model's card, of the blocks in the Markdown file beside the class of its task."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from ..trainers.geometry import height_width
from ..trainers.metrics.catalogue import CATALOGUE
from ..trainers.models.detector.suppression import Suppression
from .card import ModelCard, SignatureEntry, Tensor
from .formats.registry import by_rank
from .scores import meaning_of_scores
from .signatures import ENCODED, PICTURES, SIGNATURE
from .tasks import get_task
from .tasks.base import Column

Cells = tuple[str, ...]

_MOST_CLASSES = 20
_SENTENCES = {
    "pad": "Pictures keep their shape: they become as large as fits into ${width}x$height, the rest at the right or "
    "bottom is grey (114)",
    "stretch": "Pictures are stretched to ${width}x$height",
}
_PHOTO = """\
    import cv2
    import numpy as np
    from PIL import Image, ImageOps

    photo = np.asarray(ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB"))
    height, width = photo.shape[:2]"""
# Pixel for pixel what `fit_image` gives.
_PROGRAMS = {
    "pad": f"""{_PHOTO}
    into, own = ($height, height) if height * $width > width * $height else ($width, width)
    sides = [max(1, int(side * into / own + 0.5)) for side in (width, height)]
    small = cv2.resize(photo, sides, interpolation=cv2.INTER_AREA if own > into else cv2.INTER_LINEAR)
    pixels = np.full((1, $height, $width, 3), 114, np.uint8)        # grey beside or below the picture
    pixels[0, : small.shape[0], : small.shape[1]] = small
""",
    "stretch": f"""{_PHOTO}
    small = cv2.resize(photo, (min(width, $width), min(height, $height)), interpolation=cv2.INTER_AREA)
    small = cv2.resize(small, ($width, $height), interpolation=cv2.INTER_LINEAR)   # where the photo is the smaller one
    pixels = small[None]
""",
}

_PROMISED = "**Promised.** `metricfit` cuts scores here, not at the best thresholds below:"
_SERVER = """\
    docker run -p 8501:8501 -v "$$PWD/{file}:/models/$served/1" -e MODEL_NAME=$served tensorflow/serving"""
_CLIENT = """\
    import base64
    import json
    import urllib.request

    photo = base64.b64encode(open("photo.jpg", "rb").read()).decode()
    body = {"signature_name": "encoded_pictures", "instances": [{"b64": photo}]}
    url = "http://localhost:8501/v1/models/$served:predict"
    reply = urllib.request.urlopen(url, json.dumps(body).encode())
    (found,) = json.load(reply)["predictions"]
"""


def readme(card: ModelCard) -> str:
    """Write a complete card out as Markdown."""
    task = get_task(card.task)
    page = (Path(__file__).parent / "tasks" / f"{card.task}.md").read_text(encoding="utf-8")
    _, *pieces = re.split(r"^<!-- (\w+) -->\n", page, flags=re.MULTILINE)
    blocks = {name: _filled(text.removesuffix("\n"), card) for name, text in zip(pieces[::2], pieces[1::2])}
    files = (
        ("MB", lambda entry: f"{entry['bytes'] / 1e6:.2f}"),
        ("ms", lambda entry: f"{entry['latency_ms']:.1f}"),
        *(*task.measures, *task.agreements),
    )
    tests = [
        ((f"`{name}`", f"`{source}`", str(test["images"])), test)
        for name, entry in card.files.items()
        for source, test in entry["tests"].items()
    ]
    further = "On further data, by which nothing was chosen, not the epoch and not the threshold above:"
    parts = [
        f"# {card.name}",
        blocks["introduction"],
        *_guarantees(card, blocks.get("promised", _PROMISED)),
        blocks["thresholds"],
        "## Files",
        _table(("file",), files, [((f"`{name}`",), entry) for name, entry in card.files.items()]),
        f"{blocks['comparison']} Latency: one picture, {card.machine}. Operators, checksums and the exact tensors are "
        "in card.json.",
        *_notices(card),
        *([further, _table(("file", "data", "pictures"), task.measures, tests)] if tests else []),
        *([f"**Limits.** {card.limits}"] if card.limits else []),
        "## Use",
        "On the command line, in this folder:",
        blocks["usage"],
        "In Python, in this folder:",
        blocks["python"],
        *_programs(card, blocks),
        *_serving(card, blocks),
        "## Data",
        f"- Training: {card.data.get('training', '')}, {card.data.get('training_images', 0)} pictures\n"
        f"- Validation: {card.data.get('validation', '')}, {card.data.get('validation_images', 0)} pictures"
        f"{_selected(card)}\n"
        + (f"- First weights: {card.data['first_weights']}\n" if card.data.get("first_weights") else "")
        + (f"- Teacher: {card.data['teacher']}\n" if card.data.get("teacher") else "")
        + f"- Terms: {card.data_terms}",
        "## How it was made",
        "\n".join("    " + line for line in card.command),
        "Settings:",
        "\n".join("    " + line for line in json.dumps(card.config, indent=2).splitlines()),
        "Versions: " + ", ".join(f"{name} {version}" for name, version in card.versions.items()) + ".",
    ]
    return "\n\n".join(parts) + "\n"


def _selected(card: ModelCard) -> str:
    """By which of their figures the training chose its epoch, where it was told one."""
    chosen = str(card.config.get("select_by"))
    return f"; the best epoch is the one with the largest {CATALOGUE[chosen].heading}" if chosen in CATALOGUE else ""


def _guarantees(card: ModelCard, heading: str) -> list[str]:
    """What is promised of thresholds, which then take the place of the best ones: said before these."""
    promised = {name: entry["guarantee"] for name, entry in card.files.items() if entry["guarantee"]["promise"]}
    told = {
        name: f"by {one['pictures']} pictures of {one['data']}: {one['statement']}" for name, one in promised.items()
    }
    lines = [f"- `{name}`, {text}" for name, text in told.items()]
    return ["\n".join([heading, "", *lines])] if lines else []


def _notices(card: ModelCard) -> list[str]:
    """What a reader must know of files that are there with a warning, and of those that are not."""
    files = [(f"`{name}`", warning) for name, entry in card.files.items() for warning in entry["warnings"]]
    warnings = [*card.warnings, *(f"{name}: {warning}" for name, warning in files)]
    lists = (("Mind", warnings), ("Left out, since they did not pass", list(card.refused.values())))
    return ["\n".join([f"**{title}:**", "", *(f"- {line}" for line in lines)]) for title, lines in lists if lines]


def _filled(text: str, card: ModelCard) -> str:
    """Put what a card says into a block; what is of a single file is left for later."""
    low, high = card.thresholds["band"]
    each = list(zip(card.class_names, card.thresholds["per_class"]))[:_MOST_CLASSES]
    more = ", ..." if len(card.class_names) > _MOST_CLASSES else ""
    height, width = height_width(card.input_size)
    sides = {"height": height, "width": width}
    known = {
        **sides,
        **{name: f"{value:.4f}" for name, value in card.metrics.items()},
        "picture": f"{width}x{height} pixels" + " (width x height)" * (width != height),
        "served": re.sub(r"\W+", "_", card.name),
        "classes": len(card.class_names),
        "class_names": ", ".join(card.class_names[:_MOST_CLASSES]) + more,
        "scores": meaning_of_scores(card.calibration),
        "optimal": f"{card.thresholds['optimal']:.3f}",
        "low": f"{low:.3f}",
        "high": f"{high:.3f}",
        "per_class": ", ".join(f"{name} {value:.3f}" for name, value in each),
        "suppression": Suppression.from_dict(card.suppression),
        "validation_images": card.data.get("validation_images", 0),
    }
    for name, texts in (("resizing", _SENTENCES), ("pixels", _PROGRAMS)):
        known[name] = Template(texts[card.resizing]).substitute(sides)
    return Template(text).safe_substitute(known)


def _programs(card: ModelCard, blocks: dict[str, str]) -> list[str]:
    """How the files run without this package: a program for each kind of file, with the one that is opened first."""
    programs: dict[str, list[str]] = {}
    for known, variant in by_rank():
        if variant.file in card.files and known.kind in blocks:
            entry = card.files[variant.file]
            output, threshold = entry["outputs"][0], entry["thresholds"]["optimal"]
            per_class = f'card["files"][\'{variant.file}\']["thresholds"]["per_class"]'
            if entry["guarantee"]["promise"]:
                threshold = entry["guarantee"]["threshold"]
                per_class = f'[{threshold!r}] * len(card["class_names"])      # what is promised'
            scale = "" if output["scale"] is None else f" * {output['scale']:.9g}"
            values = {"dtype": output["dtype"], "scale": scale, "threshold": threshold, "per_class_of_file": per_class}
            program = Template(blocks[known.kind]).substitute(file=variant.file, **values)
            programs.setdefault(known.kind, [known.heading, program])
    return [part for parts in programs.values() for part in parts]


def _serving(card: ModelCard, blocks: dict[str, str]) -> list[str]:
    """How a server gives its clients what a file with further signatures finds."""
    found = [(name, entry) for name, entry in card.files.items() if entry["signatures"]]
    if not found:
        return []
    ((name, entry),) = found
    signatures: dict[str, SignatureEntry] = {
        SIGNATURE: {"inputs": [entry["input"]], "outputs": entry["outputs"]},
        **entry["signatures"],
    }
    rows = [
        f"| `{signature}` | {_listed(tensors['inputs'])} | {_listed(tensors['outputs'])} |"
        for signature, tensors in signatures.items()
    ]
    return [
        "## TensorFlow Serving",
        f"`{name}` takes any number of pictures a call. `{PICTURES}` and `{ENCODED}` resize them as `metricfit` does "
        "and answer in their own pixels, with the thresholds that `metricfit` takes for this file. What is neither "
        "JPEG nor PNG, or is damaged, ends a call.",
        "\n".join(["| signature | takes | gives |", "| --- | --- | --- |", *rows]),
        "A server, in this folder:",
        _filled(_SERVER.format(file=name), card),
        "A client of its REST interface, with nothing but Python:",
        _filled(f"{_CLIENT}{blocks['rest']}", card),
        "The same without a server, with TensorFlow:",
        blocks["files"],
    ]


def _listed(tensors: Sequence[Tensor]) -> str:
    return "; ".join(f"`{one['name']}` {one['dtype']} {one['description']}".replace("|", "/") for one in tensors)


def _table(first: Cells, columns: Sequence[Column], rows: Sequence[tuple[Cells, Mapping[str, Any]]]) -> str:
    """A table in Markdown, of rows of first cells and an entry of the card."""
    headings = (*first, *(heading for heading, _ in columns))
    lines = [(*cells, *(cell(entry) for _, cell in columns)) for cells, entry in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in (headings, ("---",) * len(headings), *lines))
