"""The mode of a -v string: `ro`, labels, propagation, `nocopy` and consistency, comma separated."""

from __future__ import annotations

import msgspec

from engine.errors import InvalidParameter

PROPAGATIONS = frozenset({"private", "rprivate", "shared", "rshared", "slave", "rslave"})

# At most one of each group may be there.
_GROUPS = (
    frozenset({"ro", "rw"}),
    frozenset({"z", "Z"}),
    frozenset({"nocopy"}),
    frozenset({"consistent", "cached", "delegated", "default"}),
    PROPAGATIONS,
)


class Mode(msgspec.Struct, frozen=True):
    read_only: bool = False
    propagation: str = ""
    no_copy: bool = False
    label: str = ""


def valid_mode(text: str) -> bool:
    """The empty mode is valid, one of two words of a group is not."""
    if not text:
        return True
    words = text.split(",")
    counts = [sum(word in group for word in words) for group in _GROUPS]
    return sum(counts) == len(words) and max(counts) == 1


def parse_mode(text: str) -> Mode:
    """Raises InvalidParameter with dockerd's text."""
    if not valid_mode(text):
        raise InvalidParameter(f"invalid mode: {text}")
    words = set(text.split(","))
    return Mode(
        read_only="ro" in words,
        propagation=next(iter(words & PROPAGATIONS), ""),
        no_copy="nocopy" in words,
        label=next(iter(words & {"z", "Z"}), ""),
    )
