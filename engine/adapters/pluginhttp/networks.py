"""The networks room's NetworkDrivers port: the NetworkDriver calls of plugins, as libnetwork's remote driver makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from engine.domain.networks.bindings import PortRequest
from engine.domain.networks.drivers import Interface, Joined
from engine.domain.networks.plugged import PROTOCOL_NUMBERS, endpoint_options
from engine.domain.networks.records import NO_IPAM, Endpoint, NetworkRecord, Room
from engine.domain.plugins.facade import NETWORK, Plugins, tame
from engine.errors import EngineError, SystemFailure

LABEL = "com.docker.network"
NEXT_HOP, CONNECTED = 0, 1
"""Types of a static route."""


class PluginNetworks:
    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins

    async def scope(self, driver: str) -> str:
        found = await self._ask(driver, "GetCapabilities")
        scope = str(found.get("Scope", "")).lower()
        if scope not in ("local", "global"):
            raise _wrong(driver, "GetCapabilities", "the scope is neither local nor global")
        return scope

    async def create_network(self, network: NetworkRecord) -> None:
        options: dict[str, object] = {
            f"{LABEL}.generic": dict(network.options),
            f"{LABEL}.enable_ipv4": network.ipv4,
            f"{LABEL}.enable_ipv6": network.ipv6,
        }
        if network.internal:
            options[f"{LABEL}.internal"] = True
        await self._ask(
            network.driver,
            "CreateNetwork",
            NetworkID=network.id,
            Options=options,
            IPv4Data=_pools(network, 4) if network.ipv4 else [],
            IPv6Data=_pools(network, 6) if network.ipv6 else [],
        )

    async def delete_network(self, driver: str, network_id: str) -> None:
        await self._ask(driver, "DeleteNetwork", NetworkID=network_id)

    async def create_endpoint(
        self, network: NetworkRecord, endpoint: Endpoint, options: Mapping[str, object]
    ) -> Interface:
        found = await self._ask(
            network.driver,
            "CreateEndpoint",
            NetworkID=network.id,
            EndpointID=endpoint.endpoint_id,
            Interface={
                "Address": f"{endpoint.ip}/{endpoint.prefix}" if endpoint.ip else "",
                "AddressIPv6": f"{endpoint.ip6}/{endpoint.prefix6}" if endpoint.ip6 else "",
                "MacAddress": endpoint.mac,
            },
            Options=dict(options),
        )
        chosen = _object(network.driver, "CreateEndpoint", found, "Interface")
        return Interface(
            address=_text(network.driver, chosen, "Address", ip_interface),
            address6=_text(network.driver, chosen, "AddressIPv6", ip_interface),
            mac=_text(network.driver, chosen, "MacAddress", _mac),
        )

    async def delete_endpoint(self, driver: str, network_id: str, endpoint_id: str) -> None:
        await self._of(driver, "DeleteEndpoint", network_id, endpoint_id)

    async def join(
        self, driver: str, endpoint: Endpoint, sandbox: str, options: Mapping[str, object]
    ) -> Joined:
        found = await self._of(
            driver,
            "Join",
            endpoint.network_id,
            endpoint.endpoint_id,
            SandboxKey=sandbox,
            Options=dict(options),
        )
        name = _object(driver, "Join", found, "InterfaceName")
        return Joined(
            source=str(name.get("SrcName") or ""),
            prefix=str(name.get("DstPrefix") or ""),
            name=str(name.get("DstName") or ""),
            gateway=_text(driver, found, "Gateway", ip_address),
            gateway6=_text(driver, found, "GatewayIPv6", ip_address),
            routes=[_route(driver, each) for each in found.get("StaticRoutes") or ()],
        )

    async def mac(self, driver: str, endpoint: Endpoint) -> str:
        try:
            found = await self._of(
                driver, "EndpointOperInfo", endpoint.network_id, endpoint.endpoint_id
            )
            told = _object(driver, "EndpointOperInfo", found, "Value")
            return _text(driver, told, f"{LABEL}.endpoint.macaddress", _mac)
        except EngineError:
            return ""

    async def leave(self, driver: str, network_id: str, endpoint_id: str) -> None:
        await self._of(driver, "Leave", network_id, endpoint_id)

    async def program(
        self, driver: str, endpoint: Endpoint, exposed: Sequence[str], ports: Sequence[PortRequest]
    ) -> None:
        options = {
            **endpoint_options(exposed, {}),
            f"{LABEL}.portmap": [_binding(endpoint, each) for each in ports],
        }
        await self._optional(
            driver,
            "ProgramExternalConnectivity",
            endpoint.network_id,
            endpoint.endpoint_id,
            Options=options,
        )

    async def revoke(self, driver: str, network_id: str, endpoint_id: str) -> None:
        await self._optional(driver, "RevokeExternalConnectivity", network_id, endpoint_id)

    def active(self) -> list[str]:
        return self._plugins.active(NETWORK)

    async def _optional(
        self, driver: str, method: str, network_id: str, endpoint_id: str, **body: object
    ) -> None:
        """A driver need not have this call: then it answers 404."""
        plugin = await self._plugins.get(driver, NETWORK)
        about = {"NetworkID": network_id, "EndpointID": endpoint_id, **body}
        await plugin.call(f"NetworkDriver.{method}", about, optional=True)

    async def _of(
        self, driver: str, method: str, network_id: str, endpoint_id: str, **body: object
    ) -> dict[str, Any]:
        return await self._ask(driver, method, NetworkID=network_id, EndpointID=endpoint_id, **body)

    async def _ask(self, driver: str, method: str, **body: object) -> dict[str, Any]:
        plugin = await self._plugins.get(driver, NETWORK)
        return await plugin.call(f"NetworkDriver.{method}", body)


def _pools(network: NetworkRecord, version: int) -> list[dict[str, object]]:
    if network.ipam_driver == NO_IPAM:
        return [{"AddressSpace": "null", "Pool": "0.0.0.0/0" if version == 4 else "::/0"}]
    return [_pool(network, each) for each in network.rooms(version)]


def _pool(network: NetworkRecord, room: Room) -> dict[str, object]:
    length = ip_network(room.subnet).prefixlen
    found: dict[str, object] = {
        "AddressSpace": network.space or "LocalDefault",
        "Pool": room.subnet,
    }
    if room.gateway:
        found["Gateway"] = f"{room.gateway}/{length}"
    if room.auxiliary:
        found["AuxAddresses"] = {
            name: f"{address}/{length}" for name, address in room.auxiliary.items()
        }
    return found


def _binding(endpoint: Endpoint, request: PortRequest) -> dict[str, object]:
    return {
        "Proto": PROTOCOL_NUMBERS[request.port.proto],
        "IP": endpoint.ip or endpoint.ip6,
        "Port": request.port.number,
        "HostIP": request.host_ip,
        "HostPort": request.first,
        "HostPortEnd": request.last,
    }


def _route(driver: str, said: object) -> tuple[str, str]:
    try:
        if not isinstance(said, dict):
            raise ValueError
        kind, hop = said.get("RouteType", NEXT_HOP), str(said.get("NextHop") or "")
        destination = str(ip_network(str(said.get("Destination")), strict=False))
        if kind not in (NEXT_HOP, CONNECTED) or (kind == NEXT_HOP) != bool(hop):
            raise ValueError
        return destination, str(ip_address(hop)) if hop else ""
    except ValueError:
        raise _wrong(driver, "Join", f"no static route: {said!r}") from None


def _object(driver: str, method: str, found: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = found.get(name) or {}
    if not isinstance(value, dict):
        raise _wrong(driver, method, f"{name} is no object")
    return value


def _text(driver: str, found: Mapping[str, Any], name: str, check: Callable[[str], object]) -> str:
    value = found.get(name) or ""
    try:
        if not isinstance(value, str):
            raise ValueError
        return str(check(value)) if value else ""
    except ValueError:
        raise _wrong(driver, name, f"not understood: {value!r}") from None


def _mac(text: str) -> str:
    octets = text.lower().replace("-", ":").split(":")
    if len(octets) != 6 or any(len(each) != 2 or int(each, 16) < 0 for each in octets):
        raise ValueError
    return ":".join(octets)


def _wrong(driver: str, what: str, text: str) -> SystemFailure:
    return SystemFailure(f'plugin "{driver}": NetworkDriver.{what}: {tame(text)}')
