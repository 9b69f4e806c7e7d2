"""The OCI process of an exec, from the exec's request and what its container was started with."""

from __future__ import annotations

from typing import Any

from engine.domain.containers import users
from engine.domain.containers.cell import Cell
from engine.domain.containers.oci.plan import User
from engine.domain.containers.oci.process import exec_process
from engine.domain.containers.outside import Outside
from engine.domain.containers.prepare import current_plan
from engine.models.execs import ExecConfig


async def process_spec(cell: Cell, outside: Outside, config: ExecConfig) -> dict[str, Any]:
    """InvalidParameter for a user that the container does not know."""
    plan = await current_plan(cell, outside)
    user = plan.user
    if config.user:
        passwd, group = await outside.rootfs.read_running(
            cell.record.state.pid, "etc/passwd", "etc/group"
        )
        found = users.resolve(config.user, passwd, group, cell.record.host.group_add or ())
        user = User(found.uid, found.gid, found.groups)
    return exec_process(plan, config, user=user)
