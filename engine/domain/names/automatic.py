"""Makes the names of containers that were given none: `adjective_surname`."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from engine.domain.names.ids import short_id
from engine.domain.names.words import ADJECTIVES, SURNAMES

TRIES = 6
_NEVER = "boring_wozniak"  # Steve Wozniak is not boring


def generate(rng: Random, attempt: int = 0) -> str:
    """One name without a slash; from the second attempt on it ends with a digit, as dockerd's do."""
    name = _NEVER
    while name == _NEVER:
        name = f"{rng.choice(ADJECTIVES)}_{rng.choice(SURNAMES)}"
    return f"{name}{rng.randrange(10)}" if attempt else name


def candidates(rng: Random, container_id: str) -> Iterator[str]:
    """Names to try in turn: six automatic ones, then the short ID."""
    for attempt in range(TRIES):
        yield generate(rng, attempt)
    yield short_id(container_id)
