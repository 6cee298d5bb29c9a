"""What a file's threshold promises, as a card keeps it. Imports no TensorFlow."""

from typing import TYPE_CHECKING, TypedDict

from ..trainers.guarantees.promise import read_promise

if TYPE_CHECKING:
    from ..trainers.guarantees.kept import Guarantee


class GuaranteeEntry(TypedDict):
    """A threshold chosen with a guarantee, which takes the place of the best ones; none where the promise is empty."""

    promise: str  # such as recall >= 0.9 @ 0.95
    threshold: float
    pictures: int  # by which it was chosen
    counted: int  # those of them of which the measure tells something
    means: dict[str, float]  # recall, precision and F over these, at the threshold
    data: str  # the source of the pictures
    digest: str  # of the pictures, their names and truths, in any order
    statement: str  # what holds of further pictures, and what breaks it


NOT_PROMISED: GuaranteeEntry = {
    "promise": "", "threshold": 0.0, "pictures": 0, "counted": 0, "means": {}, "data": "", "digest": "",
    "statement": "",
}  # fmt: skip


def entry_of(kept: "Guarantee | None", data: str) -> GuaranteeEntry:
    """Give what a card keeps of a threshold that was chosen by the pictures of a source; nothing where none was."""
    if kept is None or kept.threshold is None:
        return NOT_PROMISED
    return GuaranteeEntry(**kept.to_dict(curves=False), data=data)  # type: ignore[typeddict-item]


def not_kept(kept: "Guarantee | None") -> list[str]:
    """Say why nothing is promised where something was to be; else nothing."""
    return [kept.statement] if kept is not None and kept.threshold is None else []


def check_entry(entry: GuaranteeEntry) -> None:
    """Refuse, with ValueError or UsageError, what is no guarantee."""
    if not entry["promise"]:
        return
    read_promise(entry["promise"])
    if not 0 <= entry["threshold"] <= 1:
        raise ValueError(f"its threshold must lie in [0, 1], got {entry['threshold']}")
    if not 1 <= entry["counted"] <= entry["pictures"]:
        raise ValueError(f"it must be by some of its pictures, got {entry['counted']} of {entry['pictures']}")
    if not entry["statement"]:
        raise ValueError("it must say what holds in its statement")
