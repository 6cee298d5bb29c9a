"""Damages a file a little: as bytes, as text with the words of its format, as JSON, or inside of an archive."""

import io
import json
import random
import re
import zipfile

_NUMBERS = (
    b"nan", b"inf", b"-inf", b"-1", b"0", b"1e999", b"-0.0", b"4294967296", b"1" * 400, b"99999999999999999999", b"0.5",
    b"1e-400", b"65537", b"2147483648",
)  # fmt: skip
_WORDS = (
    b"", b"\0", b"\xff\xfe", b"../../outside", b"/etc/hostname", b"~", b"null", b"true", b"[]", b"{}", b'"', b"'", b"<",
    b">", b"&x;", b"\n", b"\r", b"\t", b",", b":", b"\xed\xa0\x80", b"%s", b"con", b"a" * 5000, b"\xef\xbb\xbf", b"*",
    b"\\",
)  # fmt: skip
_VALUES = (
    None, True, False, 0, -1, 1, 1.5, 1e308, float("nan"), float("inf"), 2**31, 2**32, 2**64, 10**400, "", "x", "\0",
    "\ud800", "../../outside", "/etc/hostname", "a" * 5000, [], {}, [[]], [None], {"": 0}, [1, 2, 3, 4], ["x"], "nan",
    "-1",
)  # fmt: skip


def damaged(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """Give data with one to a few things changed; `others` are of the same format, of which pieces may be taken."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        if zipfile.is_zipfile(io.BytesIO(data)) and chance.random() < 0.7:
            data = _in_archive(data, others, chance)
        elif data[:1] in (b"{", b"[") and chance.random() < 0.7:
            data = _as_json(data, chance)
        else:
            # What is no text is of lengths and places: most other changes are seen at the door.
            binary = b"\0" in data[:4096]
            data = chance.choice((_bytes,) * (12 if binary else 2) + (_pieces, _tokens))(data, others, chance)
            if binary and chance.random() < 0.5:
                break
    return data


def _bytes(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    changed = bytearray(data)
    if not changed:
        return bytes([chance.randrange(256)])
    kind = chance.choice((0, 0, 0, 1, 1, 2, 3, 4))
    for _ in range(chance.choice((1, 1, 1, 4, 32))):
        place = chance.randrange(len(changed))
        if kind == 0:
            changed[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[place] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
        elif kind == 2:
            # Numbers of binary files, at whatever place.
            number = chance.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(data), chance.getrandbits(32)))
            changed[place : place + 4] = number.to_bytes(4, "little")
        elif kind == 3:
            changed[place:place] = bytes(chance.randrange(256) for _ in range(chance.choice((1, 2, 16))))
        else:
            return bytes(changed[:place])
    return bytes(changed)


def _pieces(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    start, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    if chance.random() < 0.4:
        other = chance.choice(others)
        low, high = sorted(chance.randrange(len(other) + 1) for _ in range(2))
        return data[:start] + other[low : min(high, low + 4096)] + data[end:]
    return chance.choice(
        (data[:start] + data[end:], data[:end] + data[start:], data[:start] + data[end:] + data[start:end])
    )


def _tokens(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """Put a number in the place of a number, a word in that of a word, or a line in that of a line."""
    pattern = chance.choice((rb"-?\d[\d.]*", rb"[A-Za-z_]+", rb"[^\n]*\n", rb"[^\w\s]"))
    found = list(re.finditer(pattern, data[:65536]))
    if not found:
        return _bytes(data, others, chance)
    place = chance.choice(found)
    kept = chance.choice(found)[0]
    new = chance.choice(
        (kept, chance.choice(_NUMBERS if pattern[:3] == rb"-?\\"[:3] else _WORDS), chance.choice(_NUMBERS))
    )
    return data[: place.start()] + new + data[place.end() :]


def _as_json(data: bytes, chance: random.Random) -> bytes:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return _tokens(data, [data], chance)
    places = _places(value)
    if not places:
        return data
    holder, key = chance.choice(places)
    kind = chance.randrange(5)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[chance.choice((f"{key}x", "", "a" * 300, key.upper()))] = holder.pop(key)
    elif kind == 2:
        other, name = chance.choice(places)
        holder[key] = other[name]
    else:
        holder[key] = chance.choice(_VALUES)
    try:
        return json.dumps(value).encode("utf-8", "surrogatepass")
    except ValueError:  # something was put into itself
        return data


def _places(value: object) -> list[tuple]:
    found, waiting = list[tuple](), [value]
    while waiting and len(found) < 5000:
        one = waiting.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        found += [(one, key) for key in keys]
        waiting += [one[key] for key in keys]
    return found


def _in_archive(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """Damage a file of an archive, whose sums are then right, or the list of its files."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as source:
            files = {name: source.read(name) for name in source.namelist()}
    except Exception:  # damaged already: then as bytes
        return _bytes(data, others, chance)
    if not files:
        return data
    name = chance.choice(list(files))
    kind = chance.randrange(12)
    if kind == 0:
        del files[name]
    elif kind == 1:
        files[chance.choice(("../../outside", "/tmp/outside", "", "a" * 300, "config.json/"))] = files[name]
    else:
        name = chance.choice([name, "config.json"]) if "config.json" in files else name
        files[name] = damaged(files[name], [files[name]], chance)
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as target:
        for name, content in files.items():
            target.writestr(name or "_", content)
    return whole.getvalue()
