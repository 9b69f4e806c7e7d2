"""The `Links` port over netlink: each call in a thread, each with a deadline."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from functools import partial

from engine.adapters.netlink import conntrack, endpoint, links, namespace
from engine.adapters.netlink.threads import in_own_thread, in_worker
from engine.domain.networks.ports import BridgeSpec, HostView, PortForward, VethPlan


class Netlink:
    """Links and namespaces of the network namespace that the daemon runs in."""

    async def survey(self, bridge: str) -> HostView:
        return await in_worker("survey the host's links", partial(links.survey, bridge))

    async def ensure_bridge(self, spec: BridgeSpec) -> None:
        await in_worker(f"set up bridge {spec.name}", partial(links.ensure_bridge, spec))

    async def remove_bridge(self, name: str, alias: str) -> None:
        await in_worker(f"remove bridge {name}", partial(links.remove_bridge, name, alias))

    async def enable_forwarding(self) -> bool:
        return await in_worker("switch IPv4 forwarding on", links.enable_forwarding)

    async def create_namespace(self, path: str, veths: Sequence[VethPlan]) -> None:
        await in_own_thread("make an endpoint", partial(endpoint.create, path, veths))

    async def attach(self, path: str, veth: VethPlan) -> None:
        await in_own_thread("attach an endpoint", partial(endpoint.attach, path, veth))

    async def remove_namespace(self, path: str) -> None:
        # The veth goes with the namespace: deleting it by hand takes 29 ms.
        await in_worker("let go of a network namespace", partial(namespace.unbind, path))

    async def namespaces(self, directory: str) -> tuple[str, ...]:
        return await in_worker("list network namespaces", partial(_files, directory))

    async def sweep(self, alias_prefix: str, keep: Collection[str]) -> tuple[str, ...]:
        return await in_worker("delete stale links", partial(links.sweep, alias_prefix, keep))

    async def forget_flows(self, forwards: Iterable[PortForward]) -> None:
        await in_worker("delete UDP flows", partial(conntrack.forget, tuple(forwards)))


def _files(directory: str) -> tuple[str, ...]:
    try:
        return tuple(sorted(entry.path for entry in os.scandir(directory)))
    except FileNotFoundError:
        return ()
