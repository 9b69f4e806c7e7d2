"""Names and IDs: automatic names, container names, IDs and their beginnings, image references."""

from __future__ import annotations

from engine.domain.names.automatic import candidates, generate
from engine.domain.names.containers import check_name, in_use, stored
from engine.domain.names.ids import generate_id, is_id, short_id
from engine.domain.names.index import IdIndex
from engine.domain.names.references import (
    Reference,
    check_digest,
    familiar,
    familiar_name,
    parse_any,
    parse_normalized,
)

__all__ = [
    "candidates",
    "generate",
    "check_name",
    "in_use",
    "stored",
    "generate_id",
    "is_id",
    "short_id",
    "IdIndex",
    "Reference",
    "check_digest",
    "familiar",
    "familiar_name",
    "parse_any",
    "parse_normalized",
]
