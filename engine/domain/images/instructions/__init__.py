"""Dockerfile instructions that change an image's config, outside a build."""

from __future__ import annotations

from engine.domain.images.instructions.apply import apply_changes
from engine.domain.images.instructions.exposed import exposed_ports
from engine.domain.images.instructions.healthcheck import parse_healthcheck
from engine.domain.images.instructions.lexer import expand, words
from engine.domain.images.instructions.signals import check_signal

__all__ = [
    "apply_changes",
    "check_signal",
    "expand",
    "exposed_ports",
    "parse_healthcheck",
    "words",
]
