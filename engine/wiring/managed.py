"""The room of managed plugins with its adapters, and the runtime's specification of a plugin."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from config.schema import Settings
from engine.adapters.host.devices import found_at
from engine.adapters.host.identity import Choices
from engine.adapters.managed.machine import HostMachine
from engine.adapters.pluginhttp.discovery import HostDirectory
from engine.adapters.store.managed import ManagedStore
from engine.domain.containers.oci.build import build_spec
from engine.domain.containers.oci.plan import HOST, NEW, HostDevice, Namespaces, SpecPlan, User
from engine.domain.containers.settings import RoomSettings
from engine.domain.images.facade import Artifacts
from engine.domain.managed.facade import Managed
from engine.domain.managed.records import CONFIG_TYPE, PluginRecord, familiar_name
from engine.domain.system.facts import Facts
from engine.errors import InvalidParameter, SystemFailure
from engine.models.containers import ContainerConfig, HostConfig
from engine.wiring.registries import transfer_limits
from engine.wiring.rooms import container_settings, own_cgroup
from engine.wiring.storage import disk_reserve

if TYPE_CHECKING:
    from engine.daemon import Engine

SOCKETS = "/run/docker/plugins"
"""Where a plugin makes its socket, in its own root."""
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def managed_room(engine: Engine) -> Managed:
    choices, facts = engine.choices, engine.facts
    home, exec_root = engine.data.path / "plugins", engine.exec_root
    sockets = exec_root / "plugins"

    def spec(record: PluginRecord) -> bytes:
        plan = plan_of(record, choices, facts, home / record.id / "rootfs")
        return msgspec.json.encode(
            spec_of(record, plan, machine.sockets(record.id), home / record.id)
        )

    containerd = engine.containerd.in_namespace(choices.plugin_namespace)
    machine = HostMachine(
        containerd,
        home,
        sockets,
        exec_root / "runc",
        spec,
        choices.engine_id,
    )
    store = ManagedStore(engine.database, engine.journal)
    artifacts = Artifacts(
        containerd,
        engine.registries,
        engine_id=choices.engine_id,
        kind=CONFIG_TYPE,
        noun="plugin",
        limits=transfer_limits(engine.settings),
        reserve=disk_reserve(engine.settings),
    )
    return Managed(
        machine,
        store,
        artifacts,
        lambda name: in_use(engine, name),
        lambda: engine.leave_running,
    )


def containers_settings(engine: Engine, settings: Settings) -> RoomSettings:
    """With the plugins as default log drivers."""
    return container_settings(
        settings,
        engine.choices,
        engine.facts,
        engine.data.path,
        lambda name: is_there(engine, name),
    )


def is_there(engine: Engine, name: str) -> bool:
    """Whether a managed plugin or one of the host's has this name."""
    settings = engine.settings
    host = HostDirectory(Path(settings.plugin_sockets), map(Path, settings.plugin_specs))
    if host.look(name) is not None:
        return True
    try:
        wanted = familiar_name(name)
    except InvalidParameter:
        return False
    return wanted in ManagedStore(engine.database, engine.journal).names()


def in_use(engine: Engine, name: str) -> bool:
    """Whether a volume or a network is this plugin's, or a running container logs to it."""
    names = {name, name.removesuffix(":latest")}
    logging = any(
        cell.running and cell.record.host.log_config.type in names for cell in engine.room.registry
    )
    return logging or engine.volumes.uses(name) or engine.networks.uses(name)


def plan_of(record: PluginRecord, choices: Choices, facts: Facts, root: Path) -> SpecPlan:
    config, settings = record.config, record.settings
    linux, user = config["Linux"], config["User"] or {}
    devices = [each["Path"] for each in settings.devices if each.get("Path")]
    return SpecPlan(
        id=record.id,
        config=ContainerConfig(),
        host=HostConfig(
            cap_add=list(linux["Capabilities"] or ()),
            device_cgroup_rules=["a *:* rwm"] if linux["AllowAllDevices"] else None,
        ),
        argv=(*config["Entrypoint"], *settings.args),
        env=(PATH, *settings.env),
        cwd=config["WorkDir"] or "/",
        rootfs=str(root),
        cgroups_path=f"{own_cgroup(choices.engine_id)}/plugins/{record.id}",
        user=User(int(user.get("UID") or 0), int(user.get("GID") or 0)),
        namespaces=Namespaces(
            network=HOST if config["Network"]["Type"] == "host" else NEW,
            pid=HOST if config["PidHost"] else NEW,
            ipc=HOST if config["IpcHost"] else NEW,
        ),
        devices=tuple(node for each in devices for node in _devices(each)),
        cgroup_v2=facts.cgroup_v2,
        held_capabilities=facts.capabilities,
        seccomp_supported=facts.seccomp,
        kernel=facts.kernel,
        architecture=facts.architecture,
        absent_abis=facts.absent_abis,
    )


def spec_of(record: PluginRecord, plan: SpecPlan, sockets: Path, home: Path) -> dict[str, Any]:
    """The specification with the plugin's own mounts, which are given as the runtime takes them."""
    spec = build_spec(plan)
    mounts = [_bind(str(sockets), SOCKETS, "rbind", "rw")]
    mounts += [
        {
            "source": each["Source"],
            "destination": each["Destination"],
            "type": each.get("Type") or "bind",
            "options": list(each.get("Options") or ()),
        }
        for each in record.settings.mounts
        if each.get("Source") is not None
    ]
    if propagated := record.config["PropagatedMount"]:
        mounts.append(_bind(str(home / "propagated-mount"), propagated, "rbind", "rw", "rshared"))
        spec["linux"]["rootfsPropagation"] = "rshared"
    if record.config["Network"]["Type"] == "host":
        files = [each for each in ("/etc/resolv.conf", "/etc/hosts") if Path(each).exists()]
        mounts += [_bind(each, each, "rbind", "ro") for each in files]
    spec["mounts"] = [*spec["mounts"], *mounts]
    return spec


def _bind(source: str, destination: str, *options: str) -> dict[str, Any]:
    return {"source": source, "destination": destination, "type": "bind", "options": list(options)}


def _devices(path: str) -> list[HostDevice]:
    try:
        found = found_at(path)
    except OSError as error:
        raise SystemFailure(f"device {path}: {os.strerror(error.errno or 0).lower()}") from error
    return [
        HostDevice(
            path=path + each.suffix,
            type=each.type,
            major=each.major,
            minor=each.minor,
            file_mode=each.mode,
            uid=each.uid,
            gid=each.gid,
        )
        for each in found
    ]
