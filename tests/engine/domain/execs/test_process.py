from __future__ import annotations

from pathlib import Path

import pytest

from engine.domain.execs.process import process_spec
from engine.errors import InvalidParameter
from engine.models.execs import ExecConfig
from tests.engine.domain.containers.rooms import running

PASSWD = b"root:x:0:0::/root:\napp:x:1000:1001::/app:\n"


async def test_process_inherits_what_the_exec_does_not_say(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        daemon.machine.rootfs.files = {"etc/passwd": PASSWD}
        cell = await daemon.run("web", user="app", working_dir="/srv", env=["A=1"])
        spec = await process_spec(cell, daemon.outside, ExecConfig(cmd=["sh", "-c", "true"]))
        assert spec["args"] == ["sh", "-c", "true"]
        assert (spec["user"]["uid"], spec["user"]["gid"], spec["cwd"]) == (1000, 1001, "/srv")
        assert "A=1" in spec["env"]


async def test_own_user_is_looked_up_in_the_running_root(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.machine.rootfs.files = {"etc/passwd": PASSWD, "etc/group": b"audio:x:29:\n"}
        config = ExecConfig(cmd=["id"], user="app:audio", working_dir="/tmp", env=["B=2"])
        spec = await process_spec(cell, daemon.outside, config)
        assert (spec["user"]["uid"], spec["user"]["gid"], spec["cwd"]) == (1000, 29, "/tmp")
        assert "B=2" in spec["env"]
        with pytest.raises(InvalidParameter, match="unable to find user nosuch"):
            await process_spec(cell, daemon.outside, ExecConfig(cmd=["id"], user="nosuch"))
