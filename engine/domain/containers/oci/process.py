"""The spec's process: arguments, environment, user, capabilities and limits; also an exec's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from engine.domain.containers.oci.capabilities import ALL_CAPABILITIES, granted
from engine.domain.containers.oci.plan import NEW, SpecPlan, User
from engine.models.containers import Ulimit
from engine.models.execs import ExecConfig

DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INIT_IN_CONTAINER = "/sbin/docker-init"


def build_process(plan: SpecPlan) -> dict[str, Any]:
    """The container's first process."""
    process: dict[str, Any] = {
        "user": _user(plan.user),
        "args": _args(plan),
        "env": environment(
            hostname=plan.hostname, tty=plan.config.tty, links=plan.link_env, env=plan.env
        ),
        "cwd": plan.cwd or "/",
        "capabilities": _capabilities(granted(plan.host, plan.held_capabilities), plan.user),
        "oomScoreAdj": plan.host.oom_score_adj,
    }
    if plan.config.tty:
        process["terminal"] = True
        _set_console(process, plan.host.console_size)
    if rlimits := _rlimits(plan.default_ulimits, plan.host.ulimits or ()):
        process["rlimits"] = rlimits
    if plan.no_new_privileges:
        process["noNewPrivileges"] = True
    if plan.apparmor_profile:
        process["apparmorProfile"] = plan.apparmor_profile
    if plan.process_label:
        process["selinuxLabel"] = plan.process_label
    return process


def exec_process(
    plan: SpecPlan, config: ExecConfig, *, user: User, cwd: str = ""
) -> dict[str, Any]:
    """A further process in the container of `plan`, as POST /exec asks for it.

    `user` is the exec's own, or the container's where it names none.
    """
    process = build_process(plan)
    for inherited in ("terminal", "consoleSize", "oomScoreAdj"):
        process.pop(inherited, None)
    process["args"] = list(config.cmd or ())
    process["user"] = _user(user)
    process["cwd"] = cwd or config.working_dir or plan.cwd or "/"
    process["env"] = environment(
        hostname=plan.hostname,
        tty=config.tty,
        links=plan.link_env,
        env=replace_env(plan.env, config.env or ()),
    )
    names = granted(plan.host, plan.held_capabilities)
    if config.privileged:
        names = [name for name in ALL_CAPABILITIES if name in plan.held_capabilities]
    process["capabilities"] = _capabilities(names, user)
    if config.tty:
        process["terminal"] = True
        _set_console(process, config.console_size or (0, 0))
    return process


def environment(*, hostname: str, tty: bool, links: Iterable[str], env: Iterable[str]) -> list[str]:
    """dockerd's own variables first, then links', each replaced in place by the container's."""
    first = [DEFAULT_PATH, f"HOSTNAME={hostname}"]
    if tty:
        first.append("TERM=xterm")
    return replace_env([*first, *links], env)


def replace_env(defaults: Iterable[str], overrides: Iterable[str]) -> list[str]:
    """Later wins, in the place of the earlier; an override without `=` removes its variable."""
    merged = {each.partition("=")[0]: each for each in defaults}
    for each in overrides:
        name, equals, _ = each.partition("=")
        if equals:
            merged[name] = each
        else:
            merged.pop(name, None)
    return list(merged.values())


def wants_init(plan: SpecPlan) -> bool:
    """An init reaps only where it is PID 1, so not in somebody else's PID namespace."""
    return bool(plan.init_path) and plan.namespaces.pid == NEW


def _args(plan: SpecPlan) -> list[str]:
    if wants_init(plan):
        return [INIT_IN_CONTAINER, "--", *plan.argv]
    return list(plan.argv)


def _user(user: User) -> dict[str, Any]:
    # The primary group is among the supplementary ones too (CVE-2022-36109).
    gids = dict.fromkeys((user.gid, *user.additional_gids))
    return {"uid": user.uid, "gid": user.gid, "additionalGids": list(gids)}


def _capabilities(names: Sequence[str], user: User) -> dict[str, list[str]]:
    bounding = list(names)
    if user.uid != 0:
        # As execve does: what is not root has nothing in effect.
        return {"bounding": bounding}
    return {"bounding": bounding, "effective": bounding, "permitted": bounding}


def _rlimits(defaults: Iterable[Ulimit], own: Iterable[Ulimit]) -> list[dict[str, Any]]:
    by_name = {each.name: each for each in (*defaults, *own)}
    return [
        {
            "type": f"RLIMIT_{each.name.upper()}",
            "hard": _limit(each.hard),
            "soft": _limit(each.soft),
        }
        for each in by_name.values()
    ]


def _limit(value: int) -> int:
    """-1 is RLIM_INFINITY, which the spec writes as an unsigned number."""
    return value if value >= 0 else value + (1 << 64)


def _set_console(process: dict[str, Any], size: tuple[int, int]) -> None:
    height, width = size
    if height and width:
        process["consoleSize"] = {"height": height, "width": width}
