"""What is made of data lies outside of them."""

from pathlib import Path

from ...trainers.data.sources import places_of
from ...trainers.errors import UsageError


def refuse_within(out: Path, source: str, flag: str) -> None:
    """Refuse a folder that lies in the data's, which would hold their pictures twice, or around it."""
    for place in places_of(source):
        if out.resolve().is_relative_to(place.resolve()):
            beside = place.resolve().with_name(f"{place.resolve().name}_{flag[2:]}")
            raise UsageError(
                f"{flag} {out} lies in the folder of the data, {place}, which would then hold its pictures twice: give "
                f"a folder outside of it, such as {beside}"
            )
        if place.resolve().is_relative_to(out.resolve()):
            raise UsageError(f"{flag} {out} holds the data, {place}: give a folder that does not exist yet")
