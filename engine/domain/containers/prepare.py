"""What a container needs before its first process, made ahead: root, user, files, namespace, containerd record.

Every step may find its own traces from an earlier try and goes on from there, so preparing again
after a crash costs time and nothing else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec
import trio

from engine.domain.containers import files, ipc, links, users
from engine.domain.containers.beside import beside
from engine.domain.containers.cell import Cell
from engine.domain.containers.devices import find_devices
from engine.domain.containers.joins import donor
from engine.domain.containers.links import Linked
from engine.domain.containers.oci.build import build_spec, encode_spec
from engine.domain.containers.oci.plan import HOST, NEW, Namespaces, SpecPlan, User
from engine.domain.containers.outside import Outside
from engine.domain.containers.records import Container
from engine.domain.containers.sandbox import Place
from engine.domain.containers.security import parse_security
from engine.domain.images.facade import Image, init_name
from engine.errors import Conflict, InvalidParameter, NotFound
from engine.models.runtime import Mount, RuncOptions

NAME_LABEL = "io.trimaran.name"
ENGINE_LABEL = "io.trimaran.engine"
_MAKING = "-making"
RUNC_RUNTIME = "io.containerd.runc.v2"


class Prepared(msgspec.Struct, frozen=True):
    """`plan` is kept for the execs, which inherit from it."""

    rootfs: Sequence[Mount]
    plan: SpecPlan
    place: Place
    options: RuncOptions | None


async def prepare(cell: Cell, outside: Outside) -> Prepared:
    """Needs the slot. Raises what the parts raise; nothing is running yet."""
    record = cell.record
    networker = donor(record.host.network_mode, outside.registry, "network")
    forebear = donor(record.host.pid_mode, outside.registry, "PID")
    place, (rootfs, user) = await beside(
        partial(outside.sandboxes.prepare, record), partial(_root_and_user, record, outside)
    )
    linked = links.linked(record, outside.registry)
    found = await find_devices(record.host, outside.host)
    namespace, shm = ipc.place(record, outside)
    plan = msgspec.structs.replace(
        spec_plan(record, outside, place, user),
        devices=found.nodes,
        block_devices=found.blocks,
        shm_path=shm,
        link_env=links.environment(record.name, linked),
    )
    plan = msgspec.structs.replace(
        plan, namespaces=msgspec.structs.replace(plan.namespaces, ipc=namespace)
    )
    if networker is not None:
        plan = with_files_of(plan, outside.directory(networker.id))
    if forebear is not None:
        path = f"/proc/{forebear.record.state.pid}/ns/pid"
        plan = msgspec.structs.replace(
            plan, namespaces=msgspec.structs.replace(plan.namespaces, pid=path)
        )
    cell.plan = plan
    await beside(
        partial(write_files, record, outside, place, linked),
        partial(put_record, record, outside, encode_spec(build_spec(plan))),
    )
    return Prepared(rootfs, plan, place, runc_options(record, outside))


async def _root_and_user(record: Container, outside: Outside) -> tuple[Sequence[Mount], User]:
    rootfs = await root_snapshot(record, outside)
    return rootfs, await resolve_user(record, rootfs, outside)


async def write_files(
    record: Container, outside: Outside, place: Place, linked: Sequence[Linked] = ()
) -> None:
    await trio.to_thread.run_sync(
        files.write,
        outside.directory(record.id),
        record,
        place,
        resolv_conf(record, outside, place),
        links.hosts_rows(linked),
    )


def with_files_of(plan: SpecPlan, directory: Path) -> SpecPlan:
    """Who joins a network sees it by the same names."""
    return msgspec.structs.replace(
        plan,
        hosts_path=str(directory / "hosts"),
        hostname_path=str(directory / "hostname"),
        resolv_conf_path=str(directory / "resolv.conf"),
    )


def resolv_conf(record: Container, outside: Outside, place: Place) -> str:
    host, settings = record.host, outside.settings
    return files.resolv_conf(
        files.host_resolv_conf(),
        servers=host.dns or settings.dns,
        search=host.dns_search or settings.dns_search,
        options=host.dns_options or settings.dns_options,
        keep_loopback=host.network_mode == "host",
        resolver=place.resolver,
    )


async def root_snapshot(record: Container, outside: Outside) -> Sequence[Mount]:
    """The container's writable layer on its image's init layer."""
    snapshots = outside.runtime.snapshots
    if record.state.generation:  # it has run
        with contextlib.suppress(NotFound):
            return await snapshots.mounts(record.id)
    labels = {ENGINE_LABEL: outside.settings.engine_id, "containerd.io/gc.root": "created"}
    parent = await init_layer(record.layer, outside)
    try:
        return await snapshots.prepare(record.id, parent, labels=labels)
    except Conflict:  # made by an earlier try, or when volumes were filled
        return await snapshots.mounts(record.id)
    except NotFound:  # it went with another image of the same layers, or behind our back
        outside.init_layers.discard(parent)
        with contextlib.suppress(NotFound):
            await outside.images.unpacked(outside.images.resolve(record.image_id))
    parent = await init_layer(record.layer, outside)
    return await snapshots.prepare(record.id, parent, labels=labels)


async def image_layer(image: Image, outside: Outside) -> str:
    """The image's own snapshot. With a child that we know of it is there: nobody asks containerd again."""
    if init_name(image.chain_id) in outside.init_layers:
        return image.chain_id
    return await outside.images.unpacked(image)


async def init_layer(layer: str, outside: Outside) -> str:
    """A committed snapshot above the image's layers with the files that every container's root has.

    One for each image, so that a container's own layer holds nothing but its own changes. The image
    holds it (see the images room's labels): containerd collects it when the image has gone.
    """
    name = init_name(layer)
    snapshots = outside.runtime.snapshots
    async with outside.init_lock:
        if name in outside.init_layers:
            return name
        try:
            await snapshots.stat(name)
        except NotFound:
            await _make_init_layer(name, layer, outside)
        outside.init_layers.add(name)
        return name


def is_making(snapshot: str) -> bool:
    """Whether this is an init layer that is being made: the collector is kept from it while it is."""
    return snapshot.startswith(init_name("")) and snapshot.endswith(_MAKING)


async def _make_init_layer(name: str, layer: str, outside: Outside) -> None:
    snapshots = outside.runtime.snapshots
    key = f"{name}{_MAKING}"
    labels = {ENGINE_LABEL: outside.settings.engine_id, "containerd.io/gc.root": "created"}
    try:
        mounts = await snapshots.prepare(key, layer, labels=labels)
    except Conflict:  # an earlier try was interrupted
        mounts = await snapshots.mounts(key)
    await outside.rootfs.populate_init(mounts)
    await snapshots.commit(name, key, labels={ENGINE_LABEL: outside.settings.engine_id})


async def resolve_user(record: Container, rootfs: Sequence[Mount], outside: Outside) -> User:
    """From the root's own passwd and group files; of a root never used yet, those are the image's."""
    key = (record.layer, record.config.user, tuple(record.host.group_add or ()))
    fresh = record.state.generation == 0
    if fresh and key in outside.users:
        return outside.users[key]
    passwd, group = await outside.rootfs.read(rootfs, "etc/passwd", "etc/group")
    found = users.resolve(record.config.user, passwd, group, record.host.group_add or ())
    user = User(found.uid, found.gid, found.groups)
    if fresh:
        outside.users[key] = user
    return user


def spec_plan(record: Container, outside: Outside, place: Place, user: User) -> SpecPlan:
    settings, config, host = outside.settings, record.config, record.host
    facts = settings.facts
    directory = outside.directory(record.id)
    security = parse_security(host.security_opt)
    confined = security.no_new_privileges
    return SpecPlan(
        id=record.id,
        config=config,
        host=host,
        argv=tuple(record.argv),
        env=tuple(config.env or ()),
        cwd=config.working_dir or "/",
        rootfs="rootfs",
        cgroups_path=f"{host.cgroup_parent or settings.cgroup_parent}/{record.id}",
        hostname=config.hostname,
        user=user,
        mounts=outside.volumes.spec_mounts(record),
        hosts_path=str(directory / "hosts"),
        hostname_path=str(directory / "hostname"),
        resolv_conf_path=str(directory / "resolv.conf"),
        namespaces=Namespaces(
            network=place.namespace,
            uts=HOST if host.uts_mode == "host" else NEW,
            pid=HOST if host.pid_mode == "host" else NEW,
            ipc=HOST if host.ipc_mode == "host" else NEW,
            cgroup=HOST if host.cgroupns_mode == "host" else NEW,
        ),
        cgroup_v2=facts.cgroup_v2,
        held_capabilities=facts.capabilities,
        init_path=settings.init_path if (settings.init if host.init is None else host.init) else "",
        default_ulimits=settings.ulimits,
        no_new_privileges=settings.no_new_privileges if confined is None else confined,
        seccomp_profile=security.seccomp,
        default_seccomp_profile=settings.seccomp_profile,
        seccomp_supported=facts.seccomp,
        kernel=facts.kernel,
        architecture=facts.architecture,
        absent_abis=facts.absent_abis,
    )


async def current_plan(cell: Cell, outside: Outside) -> SpecPlan:
    """What the running container was started with; made again after a restart of the daemon."""
    if cell.plan is None:
        record = cell.record
        rootfs = await outside.runtime.snapshots.mounts(record.id)
        user = await resolve_user(record, rootfs, outside)
        sandbox = record.network.sandbox
        assert sandbox is not None
        place = Place(sandbox, sandbox.netns_path or HOST)
        cell.plan = spec_plan(record, outside, place, user)
    return cell.plan


async def put_record(record: Container, outside: Outside, spec: bytes) -> None:
    """containerd's own record of the container, labelled well enough to rebuild ours from."""
    containers = outside.runtime.containers
    labels = {
        ENGINE_LABEL: outside.settings.engine_id,
        NAME_LABEL: record.name,
        "io.trimaran.image": record.image_id,
    }
    try:
        await containers.create(
            record.id,
            labels=labels,
            runtime=outside.settings.shims.get(record.runtime, RUNC_RUNTIME),
            runtime_options=runc_options(record, outside),
            spec=spec,
            snapshotter=record.snapshotter,
            snapshot_key=record.id,
            image=record.image,
        )
    except Conflict:
        await containers.update_spec(record.id, spec)


def runc_options(record: Container, outside: Outside) -> RuncOptions | None:
    """A root of our own: the shim's default is shared by every containerd of the machine. None: not runc's shim."""
    if outside.settings.shims.get(record.runtime, RUNC_RUNTIME) != RUNC_RUNTIME:
        return None
    binary = outside.settings.runtimes.get(record.runtime)
    if binary is None:  # the configuration had it when the container was made
        raise InvalidParameter(f"Unknown runtime specified {record.runtime}")
    return RuncOptions(binary_name=binary, root=str(outside.settings.exec_root / "runc"))
