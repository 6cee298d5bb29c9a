"""What a request asks for: of the query, the fields of a form, and the kinds of answers that it accepts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from ...predictor import Predictor
from .refusal import RefusedError

OUTPUTS = ("json", "mask", "overlay")
KINDS = {".png": "image/png", ".jpg": "image/jpeg"}
_FORMATS = {"png": ".png", "jpg": ".jpg", "jpeg": ".jpg"}
_YES = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_MASKS = {"saliency": "mask", "segmentation": "indices"}
_ACCEPTED = {"application/json": ("json", ""), "image/png": ("overlay", ".png"), "image/jpeg": ("overlay", ".jpg")}
PARAMETERS = ("output", "threshold", "view", "objects", "format", "embed")


@dataclass(frozen=True)
class Asked:
    """What is to be answered about a picture.

    Attributes:
        output: one of `OUTPUTS`.
        view: the view to draw, or that of the mask; see `Result.encode`.
        suffix: of the picture in the answer: .png or .jpg.
        threshold: where to cut the scores; None takes the model's.
        objects: whether objects are framed.
        embed: whether JSON holds the drawn view, too, as a data URL.
    """

    output: str
    view: str
    suffix: str
    threshold: float | None = None
    objects: bool = False
    embed: bool = False


def what_is_asked(given: Iterable[tuple[str, str]], accept: str, predictor: Predictor) -> Asked:
    """Check a request's parameters (names and values) and its Accept header.

    Raises:
        RefusedError: 400 for a parameter that is unknown, given twice or out of its range; 406 where nothing that is
            accepted can be made.
    """
    parameters = _once(given)
    output, accepted = parameters.get("output", ""), ""
    if output and output not in OUTPUTS:
        raise RefusedError(400, f"expected output={'|'.join(OUTPUTS)}, got {_quoted(output)}")
    if not output:
        output, accepted = _negotiated(accept)
    embed = _yes_or_no(parameters, "embed")
    if embed and output != "json":
        raise RefusedError(400, f"embed puts the overlay into JSON: it does not go with output={output}")
    form = parameters.get("format", "")
    if form and form not in _FORMATS:
        raise RefusedError(400, f"expected format=png or jpeg, got {_quoted(form)}")
    task, views = predictor.task, predictor.task.result.views
    view = parameters.get("view", "")
    if view and view not in views:
        raise RefusedError(400, f"expected view={'|'.join(views)}, got {_quoted(view)}")
    suffix = _FORMATS.get(form, accepted)
    if output == "mask":
        if task.name not in _MASKS:
            raise RefusedError(400, f"a model of {task.name} gives boxes and no mask: ask for output=json or overlay")
        if view or suffix == ".jpg":
            raise RefusedError(400, "a mask is a PNG, which keeps its values exact, and has no view: leave these out")
        view, suffix = _MASKS[task.name], ".png"
    view = view or next(iter(views))
    # As `metricfit predict` writes them: a cut-out's background stays transparent.
    suffix = suffix or (".png" if view == "cutout" and not embed else ".jpg")
    return Asked(output, view, suffix, _threshold(parameters), _yes_or_no(parameters, "objects"), embed)


def _once(given: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    parameters: dict[str, str] = {}
    for name, value in given:
        if name not in PARAMETERS:
            meant = get_close_matches(name, PARAMETERS, 1)
            hint = f"did you mean {meant[0]}?" if meant else f"there are {', '.join(PARAMETERS)}"
            raise RefusedError(400, f"there is no parameter {_quoted(name)}: {hint}")
        if name in parameters:
            raise RefusedError(400, f"the parameter {name} is given twice: give it once")
        parameters[name] = value
    return parameters


def _negotiated(accept: str) -> tuple[str, str]:
    """Choose the output, and the suffix of a picture, that a client likes best; JSON where it takes anything."""
    ranked: list[tuple[float, int, tuple[str, str]]] = []
    for place, part in enumerate(accept.lower().split(",") if accept.strip() else ["*/*"]):
        kind, *settings = (piece.strip() for piece in part.split(";"))
        quality = _quality(settings)
        if kind in ("*/*", "application/*"):
            kind = "application/json"
        elif kind == "image/*":
            kind = "image/jpeg"
        if kind in _ACCEPTED and quality > 0:
            ranked.append((-quality, place, _ACCEPTED[kind]))
    if not ranked:
        kinds = ", ".join(_ACCEPTED)
        raise RefusedError(406, f"expected an Accept header with one of {kinds}, got {_quoted(accept)}")
    return min(ranked)[2]


def _quality(settings: Iterable[str]) -> float:
    for setting in settings:
        if setting.startswith("q="):
            try:
                return min(max(float(setting[2:]), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def _threshold(parameters: Mapping[str, str]) -> float | None:
    if "threshold" not in parameters:
        return None
    try:
        value = float(parameters["threshold"])
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise RefusedError(400, f"expected a threshold from 0 to 1, got {_quoted(parameters['threshold'])}")
    return value


def _yes_or_no(parameters: Mapping[str, str], name: str) -> bool:
    value = parameters.get(name, "false")
    if value.lower() not in _YES:
        raise RefusedError(400, f"expected {name}=true or false, got {_quoted(value)}")
    return _YES[value.lower()]


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
