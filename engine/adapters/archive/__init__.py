"""Archives as streams: compression taken off, tar entries one by one, nothing kept whole."""

from __future__ import annotations

from engine.adapters.archive.streams import StreamedArchives

__all__ = ["StreamedArchives"]
