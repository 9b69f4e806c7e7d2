"""The rooms' settings."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import Path

from config.schema import Settings
from config.sections import Runtime
from engine.adapters.host.facts import sys_info
from engine.adapters.host.identity import Choices
from engine.adapters.host.leftovers import HostLeftovers
from engine.domain.containers.settings import RoomSettings
from engine.domain.events.service import Retention
from engine.domain.logs.drivers import DRIVERS
from engine.domain.logs.options import check_options
from engine.domain.networks.facade import (
    DEFAULT_POOLS,
    NetworkSettings,
    allocate,
    local_pool,
    parse_pool,
)
from engine.domain.system.facts import Facts
from engine.errors import prefixed
from engine.models.containers import Ulimit


def retention(settings: Settings) -> Retention:
    keep = settings.events_retention
    return Retention(
        count=keep.count, age=keep.age, bytes=keep.bytes, timeline=settings.timeline_retention
    )


def network_settings(settings: Settings, engine_id: str) -> NetworkSettings:
    return NetworkSettings(
        engine_id=engine_id,
        bridge=settings.bridge,
        bip=IPv4Interface(settings.bip) if settings.bip else None,
        mtu=settings.mtu,
        iptables=settings.iptables,
        ip_forward=settings.ip_forward,
        ip_masq=settings.masquerades,
        icc=settings.icc,
        default_ip=settings.ip,
        publish_policy=settings.publish_policy,
        userland_proxy=settings.userland_proxy,
        fixed_cidr=IPv4Network(settings.fixed_cidr, strict=False) if settings.fixed_cidr else None,
        fixed_cidr_v6=_ipv6_subnet(settings, engine_id),
        bip6=IPv6Interface(settings.bip6) if settings.bip6 and settings.ipv6 else None,
        default_gateway=IPv4Address(settings.default_gateway) if settings.default_gateway else None,
        default_gateway6=IPv6Address(settings.default_gateway_v6)
        if settings.default_gateway_v6 and settings.ipv6
        else None,
        pools=[parse_pool(each.base, each.size) for each in settings.default_address_pools]
        or DEFAULT_POOLS,
        default_options=settings.default_network_opts,
    )


def _ipv6_subnet(settings: Settings, engine_id: str) -> IPv6Network | None:
    """Of the default bridge; one of the engine's own unless the configuration has one."""
    if not settings.ipv6:
        return None
    if settings.fixed_cidr_v6:
        return IPv6Network(settings.fixed_cidr_v6, strict=False)
    if settings.bip6:
        return None
    return IPv6Network(str(allocate([local_pool(engine_id)], [], 6)))


def runtimes(settings: Settings) -> dict[str, str]:
    """Runtime names and the programs they stand for; "" is containerd's own runc."""
    added = {name: runtime.path for name, runtime in settings.runtimes.items()}
    return {"runc": "", "io.containerd.runc.v2": "", **added}


def programs(settings: Settings, data_root: Path) -> dict[str, str]:
    """The same as the shim is told them: with arguments through a script, as dockerd does it."""
    known = runtimes(settings)
    for name, runtime in settings.runtimes.items():
        if runtime.args:
            known[name] = str(_script_path(name, runtime, data_root))
        elif runtime.type:
            known[name] = str(runtime.options.get("BinaryName", ""))
    return known


def write_scripts(settings: Settings, data_root: Path) -> None:
    """For each runtime with arguments. A running container's shim calls its script again, so what a
    script says never changes: other arguments have another script."""
    for name, runtime in settings.runtimes.items():
        path = _script_path(name, runtime, data_root)
        if not runtime.args or path.exists():
            continue
        path.parent.mkdir(mode=0o711, exist_ok=True)
        fresh = path.with_name(f".{path.name}")
        fresh.write_text(_script(runtime))
        fresh.chmod(0o700)
        fresh.rename(path)


def _script(runtime: Runtime) -> str:
    words = " ".join(shlex.quote(each) for each in (runtime.path, *runtime.args))
    return f'#!/bin/sh\nexec {words} "$@"\n'


def _script_path(name: str, runtime: Runtime, data_root: Path) -> Path:
    digest = hashlib.sha256(_script(runtime).encode()).hexdigest()[:12]
    return data_root / "runtimes" / f"{name}.{digest}"


def shims(settings: Settings) -> dict[str, str]:
    """The containerd runtimes of those that are not runc's."""
    return {name: runtime.type for name, runtime in settings.runtimes.items() if runtime.type}


def own_cgroup(engine_id: str) -> str:
    """The cgroup above all containers of this engine."""
    return f"/trimaran-{engine_id}"


def leftovers(settings: Settings, choices: Choices, data_root: Path, address: str) -> HostLeftovers:
    """`address` is containerd's socket."""
    return HostLeftovers(
        data_root=data_root,
        exec_root=Path(settings.exec_root),
        cgroup=own_cgroup(choices.engine_id),
        address=address,
        namespace=choices.namespace,
        embedded=not choices.containerd,
    )


def container_settings(
    settings: Settings,
    choices: Choices,
    facts: Facts,
    data_root: Path,
    plugins: Callable[[str], bool] = lambda _: False,
) -> RoomSettings:
    """`plugins` says whether there is one of a name, which is not asked anything."""
    known, driver = runtimes(settings), settings.log_driver
    with prefixed("failed to set log opts: "):
        check_options(driver, settings.log_opts, plugins=driver not in DRIVERS and plugins(driver))
    return RoomSettings(
        engine_id=choices.engine_id,
        facts=facts,
        info=sys_info(
            facts,
            forwards=settings.ip_forward and settings.bridge != "none",
            runtimes=frozenset(known),
            default_runtime=settings.default_runtime,
            default_shm_size=settings.default_shm_size,
            default_ipc_mode=settings.default_ipc_mode,
            default_cgroupns_mode=settings.default_cgroupns_mode
            or ("private" if facts.cgroup_v2 else "host"),
        ),
        data_root=data_root,
        exec_root=Path(settings.exec_root),
        snapshotter=choices.snapshotter,
        cgroup_parent=settings.cgroup_parent or own_cgroup(choices.engine_id),
        default_runtime=settings.default_runtime,
        runtimes=programs(settings, data_root),
        shims=shims(settings),
        log_driver=settings.log_driver,
        log_options=settings.log_opts,
        dns=settings.dns,
        dns_options=settings.dns_opts,
        dns_search=settings.dns_search,
        init=settings.init,
        init_path=settings.init_path or "/usr/bin/tini-static",
        shm_size=settings.default_shm_size,
        ulimits=tuple(
            Ulimit(name=name, soft=limit.soft, hard=limit.hard)
            for name, limit in settings.default_ulimits.items()
        ),
        no_new_privileges=settings.no_new_privileges,
        seccomp_profile=_seccomp_profile(settings.seccomp_profile),
        live_restore=settings.live_restore,
    )


def _seccomp_profile(name: str) -> str:
    return name if name in ("", "builtin", "unconfined") else Path(name).read_text()
