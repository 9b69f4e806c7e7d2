from __future__ import annotations

from engine.domain.containers.sysinfo import SysInfo


def test_host_that_says_nothing_can_do_everything_but_real_time() -> None:
    info = SysInfo()
    assert info.memory_limit
    assert info.pids_limit
    assert not info.cpu_realtime
    assert "runc" in info.runtimes
