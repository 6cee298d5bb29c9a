"""results.json, written from what is read line by line: that of 100 000 pictures is never held as a whole."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...trainers.files import written_beside
from ...trainers.text import json_text


def write_results(path: Path, head: dict[str, Any], lists: dict[str, Iterable[Any]]) -> Path:
    """Write results.json as `write_json` would, the lists behind the head, without ever holding them."""
    with written_beside(path) as beside, beside.open("w", encoding="utf-8") as file:
        file.write(json_text(head, indent=2).removesuffix("\n}"))
        for name, items in lists.items():
            file.write(f',\n  "{name}": [')
            count = 0
            for count, item in enumerate(items, 1):
                # No line breaks stand within strings of JSON.
                file.write("," * (count > 1) + "\n    " + json_text(item, indent=2).replace("\n", "\n    "))
            file.write("\n  ]" if count else "]")
        file.write("\n}\n")
    return path
