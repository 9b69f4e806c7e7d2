"""The daemon's side of the resolver process."""

from __future__ import annotations

from engine.adapters.resolver.client import ResolverClient, ResolverService

__all__ = ["ResolverClient", "ResolverService"]
