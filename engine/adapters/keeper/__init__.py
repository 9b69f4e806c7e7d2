"""Keeping the reading ends of containers' output open over the daemon's death."""

from __future__ import annotations

from engine.adapters.keeper.client import FifoKeeper, KeeperService

__all__ = ["FifoKeeper", "KeeperService"]
