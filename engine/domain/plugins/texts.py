"""The words of a plugin, made fit for our own: it may send anything."""

from __future__ import annotations

LONGEST = 1024
"""Characters of a plugin's error text that are told on."""


def tame(text: str) -> str:
    """Without control characters (terminals obey them), and not longer than is read."""
    kept = "".join(each if each.isprintable() else " " for each in text[: 4 * LONGEST])
    kept = " ".join(kept.split())
    return kept if len(kept) <= LONGEST else kept[:LONGEST] + "..."
