"""Names for containers that got none."""

from __future__ import annotations

import random


def generate(rng: object = random) -> str:
    return rng.choice(["calm", "bold"]) + "_" + rng.choice(["hopper", "lovelace"])  # type: ignore
