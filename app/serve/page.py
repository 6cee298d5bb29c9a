"""The page at /: its files, made for the model that is served. It loads nothing from elsewhere."""

import html
from pathlib import Path
from string import Template

from ..page.html import page_style
from ..predictor import Predictor
from .options import Limits

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src blob: data:; connect-src 'self'; "
    "media-src blob: mediastream:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}
_FOUND = {
    "saliency": "what stands out in it is found",
    "segmentation": "the class of each of its pixels is found",
    "detection": "the objects in it are found",
}


class Page:
    """The page's files.

    Attributes:
        files: by name, of which the empty one is the page itself: the bytes, and the headers of their answer.
    """

    def __init__(self, name: str, predictor: Predictor, limits: Limits):
        task, threshold = predictor.task, predictor.threshold
        views = "".join(
            f'<option value="{html.escape(view)}">{html.escape(title)}</option>'
            for view, title in task.result.titles.items()
        )
        page = Template(_read("page.html")).substitute(
            name=html.escape(name),
            task=task.name,
            found=_FOUND[task.name],
            views=views,
            threshold=f"{threshold.value:.{task.digits}f}",
            step=f"{10**-task.digits:.{task.digits}f}",
            by_class="true" if threshold.per_class else "false",
            maskless=" hidden" if task.name == "detection" else "",
            frameless=" hidden" if task.name == "detection" else "",
            bytes=limits.bytes,
            megabytes=f"{limits.bytes / 1e6:g}",
            megapixels=f"{limits.pixels / 1e6:g}",
        )
        texts = {
            "": (page, "text/html"),
            "page.js": (_read("page.js"), "text/javascript"),
            "page.css": (page_style() + _read("page.css"), "text/css"),
        }
        self.files = {
            file: (text.encode(), {**_HEADERS, "content-type": f"{kind}; charset=utf-8"})
            for file, (text, kind) in texts.items()
        }


def _read(file: str) -> str:
    return (Path(__file__).parent / "web" / file).read_text(encoding="utf-8")
