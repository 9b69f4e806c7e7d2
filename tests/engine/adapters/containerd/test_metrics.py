from __future__ import annotations

import pytest

from engine.adapters.containerd import metrics
from engine.adapters.containerd.gen import cgroups1_pb2, cgroups2_pb2
from engine.errors import NotImplementedHere


def test_v1_metrics_become_plain_values() -> None:
    message = cgroups1_pb2.Metrics(
        cpu=cgroups1_pb2.CPUStat(usage=cgroups1_pb2.CPUUsage(total=7, per_cpu=[3, 4])),
        blkio=cgroups1_pb2.BlkIOStat(
            io_service_bytes_recursive=[cgroups1_pb2.BlkIOEntry(op="Read", value=2**40)]
        ),
    )
    url = "io.containerd.cgroups.v1.Metrics"
    version, values = metrics.decode(url, message.SerializeToString())
    assert version == 1
    assert values["cpu"]["usage"] == {"total": 7, "kernel": 0, "user": 0, "per_cpu": [3, 4]}
    assert values["blkio"]["io_service_bytes_recursive"][0]["value"] == 2**40
    assert "memory" not in values


def test_v2_metrics_become_plain_values() -> None:
    message = cgroups2_pb2.Metrics(memory=cgroups2_pb2.MemoryStat(usage=5))
    url = "io.containerd.cgroups.v2.Metrics"
    version, values = metrics.decode(url, message.SerializeToString())
    assert (version, values["memory"]["usage"]) == (2, 5)


def test_unknown_metrics_are_refused_by_name() -> None:
    with pytest.raises(NotImplementedHere, match=r"io\.other"):
        metrics.decode("io.other.Metrics", b"")
