"""What names of folders and files say: which hold pictures and which masks, which split they are, what pairs share."""

import re
from collections.abc import Iterable
from dataclasses import dataclass


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


IMAGE_WORDS = _words(
    "images image imgs img im pictures picture pics photos photo jpegimages rgb input inputs original originals frames "
    "stills stillsraw"
)
OWN_WORDS = {"mask": ("masks", "mask"), "labels": ("labels", "label")}
TRIMAP_WORDS = _words("trimaps trimap")
PARTNER_WORDS = TRIMAP_WORDS | _words(
    "masks mask labels label gt gts groundtruth groundtruths annotations annotation annots annot ann seg segs "
    "segmentation segmentations semantic matte mattes alpha alphas saliency targets target manual labeled labelled"
)
# What stands beside such words and says nothing of its own.
_FILLERS = _words("pixelwise full map maps png jpg raw approved 1st files")
_ENDINGS = ("annot", "masks", "mask", "labels", "images", "image", "groundtruth")
_SPLITS = {"train": "train training tr trn", "val": "val valid validation dev", "test": "test testing te tst"}
_SPLIT_OF = {word: split for split, words in _SPLITS.items() for word in words.split()}


@dataclass(frozen=True)
class Place:
    """What a folder's path says: `image`, `partner` or no role, by which word, and what is left, which pairs share."""

    folder: str
    role: str
    word: str
    context: tuple[str, ...]


def place_of(folder: str) -> Place:
    """Read a folder's path below the root: `DUTS-TR/DUTS-TR-Mask` is the partner of `DUTS-TR/DUTS-TR-Image`."""
    role, word, context = "", "", []
    for part in filter(None, folder.split("/")):
        own_role, own_word, rest = _part(part)
        if own_role:
            role, word = own_role, own_word
        context += [rest] * bool(rest)
    return Place(folder, role, word, tuple(context))


def _part(part: str) -> tuple[str, str, str]:
    tokens = re.sub(r"ground\W?_?truth", "groundtruth", part, flags=re.IGNORECASE)
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+[a-z]*", tokens)]
    joined = "".join(words)
    if joined in IMAGE_WORDS:
        return "image", joined, ""
    for role, known in (("partner", PARTNER_WORDS), ("image", IMAGE_WORDS)):
        said = [word for word in words if word in known]
        if said:
            rest = [word for word in words if word not in (known | _FILLERS | IMAGE_WORDS)]
            return role, said[-1], " ".join(rest)
    for ending in _ENDINGS:
        if joined.endswith(ending) and joined[: -len(ending)] in _SPLIT_OF:
            return ("image" if ending in IMAGE_WORDS else "partner"), ending, joined[: -len(ending)]
    return "", "", " ".join(words)


def split_of(context: Iterable[str]) -> str:
    """Tell which split a path belongs to, as it is written, or ""."""
    words = [word for part in context for word in part.split()]
    return next((word for word in words if word in _SPLIT_OF), "")


def same_split(one: str, other: str) -> bool:
    """Tell whether two words name the same split, as `valid` and `val` do."""
    return _SPLIT_OF.get(one.lower(), one.lower()) == _SPLIT_OF.get(other.lower(), other.lower())


def is_part(folder: str, split: str) -> bool:
    """Tell whether a folder's path names a split; every one does where none is asked for."""
    return not split or any(part.lower() == split.lower() or same_split(part, split) for part in folder.split("/"))


_TAIL = re.compile(r"^(?P<key>.+?)[-_. ](?P<word>[A-Za-z]+|ground[-_ ]?truth)$", re.IGNORECASE)
# CamVid writes x_L.png beside x.png.
_LETTERS = _words("l m p")
_IMAGE_TAILS = IMAGE_WORDS | _words("sat")


def tail_of(stem: str) -> tuple[str, str, str]:
    """Tell what the last word of a file's stem says: the stem without it, `partner`, `image` or no role, the word."""
    if not stem[-1:].isalpha():  # as nearly all of a large set end
        return stem, "", ""
    found = _TAIL.match(stem)
    word = re.sub("[^a-z]", "", found["word"].lower()) if found else ""
    role = "partner" if word in PARTNER_WORDS | _LETTERS else "image" if word in _IMAGE_TAILS else ""
    return (found["key"], role, word) if found and role else (stem, "", "")


@dataclass(frozen=True)
class Affixes:
    """What the stems of one kind of file have before and behind what their pairs share."""

    head: str = ""
    tail: str = ""

    def key(self, stem: str) -> str:
        """Give what is left of a stem without them; a stem that has them not is its own key."""
        fits = stem.startswith(self.head) and stem.endswith(self.tail) and len(stem) > len(self.head) + len(self.tail)
        return stem[len(self.head) : len(stem) - len(self.tail)] if fits else stem

    def __str__(self) -> str:
        return f"{self.head}*{self.tail}"


PLAIN = (Affixes(), Affixes())


def find_affixes(images: set[str], partners: set[str]) -> tuple[Affixes, Affixes]:
    """Find what must be taken from the stems of pictures and of masks so that the most agree."""
    best, most = PLAIN, len(images & partners)
    if most >= 0.9 * min(len(images), len(partners)):
        return best
    for of_image in _common(images):
        keys = {of_image.key(stem) for stem in images}
        for of_partner in _common(partners):
            count = len(keys & {of_partner.key(stem) for stem in partners})
            if count > most:
                best, most = (of_image, of_partner), count
    return best


def _common(stems: set[str]) -> list[Affixes]:
    """Give none, and the heads and tails, cut where a word begins, that nearly all of several stems have."""
    found = [Affixes()]
    if len(stems) < 2:
        return found
    sample = sorted(stems)[:: max(1, len(stems) // 200)]
    heads = {match.end() for match in re.finditer(r"[-_. ]", sample[0])}
    tails = {match.start() for match in re.finditer(r"[-_. ]", sample[0])}
    for affixes in (
        *(Affixes(tail=sample[0][start:]) for start in sorted(tails, reverse=True)),
        *(Affixes(head=sample[0][:end]) for end in sorted(heads)),
    ):
        having = sum(affixes.key(stem) != stem for stem in sample)
        found += [affixes] * (having >= 0.9 * len(sample))
    return found
