"""Text files as people bring them: in the encodings that editors and shells write, names in either form of Unicode."""

import codecs
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from .errors import DataError

ValueT = TypeVar("ValueT", bound=Hashable)

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # The longer one begins with the other.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CODE_PAGES = ("cp1252", "cp1250", "cp1251", "cp932", "gb18030", "cp949", "big5", "cp437", "cp850", "mac_roman")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_DECLARED = re.compile(rb"\A\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")


def counted(number: int, noun: str) -> str:
    """Say how many, as `1 fault`, `2 faults` or `no faults`."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def shown(value: object, most: int = 60) -> str:
    """Write a value that somebody gave as an error quotes it: texts in quotes, long ones cut."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of more than 4300 digits
        text = "a very large number"
    return cut(text, most)


def cut(text: str, most: int = 60) -> str:
    """Shorten a text that somebody gave, so that a sentence stays one."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def without_long_words(text: str, most: int = 400) -> str:
    """Leave out the middle of words that are longer than any path that is meant, so that a sentence stays one."""
    return re.sub(rf"\S{{{most},}}", lambda found: f"{found[0][: most // 2]}...{found[0][-most // 4 :]}", text)


def composed(name: str) -> str:
    """Write a name as Unicode composes it (NFC): macOS takes accents apart, other systems do not."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def folded(name: str) -> str:
    """Write a name so that neither its composition nor the case of its letters counts."""
    return composed(composed(name).casefold())


def read_text(path: str | Path, fits: Callable[[str], bool] | None = None) -> str:
    """Read a text file in UTF-8, UTF-16 or UTF-32, with or without a mark in front, or as its XML declaration says.

    Args:
        path: the file.
        fits: tells of a text whether it can be meant; with it, files in an older code page (ANSI) are read too, in the
            first one whose text fits. Without it they are refused: nobody could tell which one it is.

    Raises:
        DataError: there is no such file, it is no text, or its encoding is not known.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}): check the path") from error
    return decode_text(data, path, fits)


def decode_text(data: bytes, name: object, fits: Callable[[str], bool] | None = None) -> str:
    """Decode the bytes of a text file, which errors call by its name; see `read_text`."""
    text = _decoded(data, name, fits).removeprefix("\ufeff").removesuffix("\x1a")
    if _CONTROL.search(text):
        raise DataError(
            f"{name} cannot be read as text (it holds control characters): give a text file, written in UTF-8"
        )
    return text


def _decoded(data: bytes, name: object, fits: Callable[[str], bool] | None) -> str:
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    declared = _DECLARED.match(data)
    if encoding is None and b"\0" in data[:4096]:
        encoding = "utf-16-le" if data[1::2].count(0) >= data[::2].count(0) else "utf-16-be"
    if encoding is not None:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            raise DataError(f"{name} cannot be read as text ({error}): save it as UTF-8") from error
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        place = error.start
    for page in (declared[1].decode(),) if declared else _CODE_PAGES if fits is not None else ():
        try:
            text = data.decode(page)
        except (UnicodeDecodeError, LookupError):
            continue
        if fits is None or fits(text):
            return text
    line = data.count(b"\n", 0, place) + 1
    raise DataError(
        f"{name} is not written in UTF-8 (line {line} holds the byte 0x{data[place]:02x}): open it in an editor and "
        "save it with the encoding UTF-8"
    )


def read_json(path: str | Path) -> Any:
    """Read a JSON file in any encoding of `read_text`; DataError where it is none."""
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON ({error}): write or download it again") from error


def json_text(data: Any, indent: int | None = None) -> str:
    """Write data as JSON that is valid in UTF-8: names of files that are no text keep their bytes as escapes."""
    text = json.dumps(data, indent=indent, ensure_ascii=False)
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def is_text(name: str) -> bool:
    """Tell whether a name can be written in UTF-8: names of files are bytes, and need not be."""
    return not _SURROGATE.search(name)


def printable(text: str) -> str:
    """Write a text so that it stays one line and can be shown anywhere: control characters and such as escapes."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def repeated(values: Iterable[ValueT]) -> list[ValueT]:
    """Give the values that occur more than once; to `count` each would be to go through all of them for every one."""
    return [value for value, times in Counter(values).items() if times > 1]
