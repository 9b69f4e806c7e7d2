"""The `Links` port over netlink: each call in a thread, each with a deadline."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from engine.adapters.netlink import conntrack, endpoint, forwarding, links, moving, namespace
from engine.adapters.netlink.threads import in_own_thread, in_worker
from engine.domain.networks.ports import BridgeSpec, HostView, LinkPlan, PortForward, VethPlan


class Netlink:
    """Links and namespaces of the network namespace that the daemon runs in."""

    def __init__(self, exec_root: Path) -> None:
        self._namespaces = exec_root / "netns"
        self._memory = exec_root / "network" / "closed-links.json"

    async def survey(self, bridge: str) -> HostView:
        return await in_worker("survey the host's links", partial(links.survey, bridge))

    async def ensure_bridge(self, spec: BridgeSpec) -> None:
        await in_worker(f"set up bridge {spec.name}", partial(links.ensure_bridge, spec))

    async def ensure_parent(self, name: str, alias: str) -> None:
        await in_worker(f"set up interface {name}", partial(links.ensure_parent, name, alias))

    async def remove_link(self, name: str, alias: str) -> None:
        await in_worker(f"remove link {name}", partial(links.remove_link, name, alias))

    async def enable_forwarding(self) -> tuple[str, ...]:
        work = partial(forwarding.enable, self._memory)
        return await in_worker("switch IPv4 forwarding on", work)

    async def enable_forwarding6(self) -> None:
        await in_worker("switch IPv6 forwarding on", forwarding.enable6)

    def namespace_path(self, sandbox_id: str) -> str:
        return str(self._namespaces / sandbox_id[:12])

    async def create_namespace(self, path: str, veths: Sequence[VethPlan]) -> None:
        await in_own_thread("make an endpoint", partial(endpoint.create, path, veths))

    async def attach(self, path: str, veth: VethPlan) -> None:
        await in_own_thread("attach an endpoint", partial(endpoint.attach, path, veth))

    async def detach(self, path: str, veth: VethPlan) -> None:
        await in_own_thread("detach an endpoint", partial(endpoint.detach, path, veth))

    async def adopt(self, path: str, plan: LinkPlan) -> str:
        return await in_own_thread("take an interface over", partial(moving.adopt, path, plan))

    async def give_back(self, path: str, name: str, source: str) -> None:
        work = partial(moving.give_back, path, name, source)
        await in_own_thread("give an interface back", work)

    async def set_gateways(
        self, path: str, interface: str, gateway: IPv4Address | None, gateway6: IPv6Address | None
    ) -> None:
        work = partial(endpoint.set_gateways, path, interface, gateway, gateway6)
        await in_own_thread("set default routes", work)

    async def remove_namespace(self, path: str) -> None:
        # The veth goes with the namespace: deleting it by hand takes 29 ms.
        await in_worker("let go of a network namespace", partial(namespace.unbind, path))

    async def sweep_namespaces(self, keep: Collection[str]) -> frozenset[str]:
        work = partial(namespace.sweep, self._namespaces, keep)
        return await in_worker("let go of stale network namespaces", work)

    async def sweep(self, alias_prefix: str, keep: Collection[str]) -> tuple[str, ...]:
        return await in_worker("delete stale links", partial(links.sweep, alias_prefix, keep))

    async def forget_flows(self, forwards: Iterable[PortForward]) -> None:
        await in_worker("delete UDP flows", partial(conntrack.forget, tuple(forwards)))
