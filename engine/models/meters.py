"""What a container has used, as the kernel counts it."""

from __future__ import annotations

import msgspec


class Reading(msgspec.Struct, frozen=True):
    """CPU times in seconds, memory in bytes without the page cache that can go at once; a `memory_limit` of 0
    is none. Network counters are the sums over the container's interfaces, without lo."""

    cpu: float = 0.0
    periods: int = 0
    throttled_periods: int = 0
    throttled: float = 0.0
    memory: int = 0
    memory_limit: int = 0
    rx_bytes: int = 0
    rx_packets: int = 0
    rx_dropped: int = 0
    tx_bytes: int = 0
    tx_packets: int = 0
    tx_dropped: int = 0
