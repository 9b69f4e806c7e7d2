"""Dockerfile instructions that change an image's config, outside a build."""

from __future__ import annotations

from engine.domain.images.instructions.apply import apply_changes

__all__ = ["apply_changes"]
