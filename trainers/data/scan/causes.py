"""Faults of one cause, told together: the same sentence but for the names and numbers in it."""

import re
from collections.abc import Iterable

_FILE = re.compile(r"[^\s,;:()]*[/\\][^\s,;()]*|[^\s,;:()]+\.[A-Za-z]{2,4}\b")
_NUMBERS = re.compile(r"-?\d[\d.]*%?(?:(?:\s*,\s*|x|\.\.| )(?:-?\d[\d.]*%?|\.\.\.))*")


def cause_of(name: str, sentence: str) -> str:
    """Give a fault's sentence without what belongs to its example alone: names, paths and numbers."""
    # Short names may be words of the sentence, too.
    for known in (name, name.rsplit("/", 1)[-1]):
        sentence = sentence.replace(known, "*") if len(known) > 3 else sentence
    return _NUMBERS.sub("#", _FILE.sub("*", sentence))


def told_together(faults: Iterable[tuple[str, str]], most_names: int | None = 3) -> list[str]:
    """Give a line for each cause of faults (name, sentence), in their order: the first one's sentence, who else has it.

    One sentence may be about several examples; it counts once. Without `most_names` all are named.
    """
    causes: dict[str, dict[str, str]] = {}
    for name, sentence in faults:
        causes.setdefault(cause_of(name, sentence), {}).setdefault(sentence, name)
    return [_told(list(found), list(found.values()), most_names) for found in causes.values()]


def _told(sentences: list[str], names: list[str], most_names: int | None) -> str:
    if len(sentences) == 1:
        return sentences[0]
    shown = ", ".join(names[:most_names])
    more = len(names) - len(names[:most_names])
    return f"{len(names)} times ({shown}{f' and {more} more' if more else ''}): {sentences[0]}"
