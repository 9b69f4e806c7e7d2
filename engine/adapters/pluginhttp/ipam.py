"""The networks room's IpamDrivers port: the IpamDriver calls of plugins."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_interface
from typing import Any

from engine.domain.networks.drivers import IpamNeeds, Pool, PoolWish
from engine.domain.plugins.facade import IPAM, Plugins, tame
from engine.errors import SystemFailure

GATEWAY = "com.docker.network.gateway"


class PluginIpam:
    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins

    async def space(self, driver: str, scope: str) -> str:
        found = await self._ask(driver, "GetDefaultAddressSpaces")
        name = "GlobalDefaultAddressSpace" if scope == "global" else "LocalDefaultAddressSpace"
        return tame(str(found.get(name) or ""))

    async def needs(self, driver: str) -> IpamNeeds:
        """A plugin need not know the question: then it needs nothing."""
        plugin = await self._plugins.get(driver, IPAM)
        found = await plugin.call("IpamDriver.GetCapabilities", {}, optional=True)
        return IpamNeeds(
            mac=found.get("RequiresMACAddress") is True,
            replay=found.get("RequiresRequestReplay") is True,
        )

    async def request_pool(self, driver: str, wish: PoolWish) -> Pool:
        found = await self._ask(
            driver,
            "RequestPool",
            AddressSpace=wish.space,
            Pool=wish.subnet,
            SubPool=wish.ip_range,
            Options=dict(wish.options),
            V6=wish.v6,
        )
        pool, subnet = str(found.get("PoolID") or ""), str(found.get("Pool") or "")
        if not pool or not subnet:
            raise SystemFailure(f'plugin "{driver}": IpamDriver.RequestPool: it gives no pool')
        data = found.get("Data")
        said = str(data.get(GATEWAY) or "") if isinstance(data, dict) else ""
        return Pool(id=pool, subnet=subnet, gateway=_address(driver, said) if said else "")

    async def release_pool(self, driver: str, pool: str) -> None:
        await self._ask(driver, "ReleasePool", PoolID=pool)

    async def request_address(
        self, driver: str, pool: str, address: str, options: Mapping[str, str]
    ) -> str:
        found = await self._ask(
            driver, "RequestAddress", PoolID=pool, Address=address, Options=dict(options)
        )
        return str(found.get("Address") or "")

    async def release_address(self, driver: str, pool: str, address: str) -> None:
        await self._ask(driver, "ReleaseAddress", PoolID=pool, Address=address)

    async def _ask(self, driver: str, method: str, **body: object) -> dict[str, Any]:
        plugin = await self._plugins.get(driver, IPAM)
        return await plugin.call(f"IpamDriver.{method}", body)


def _address(driver: str, said: str) -> str:
    try:
        return str(ip_interface(said).ip)
    except ValueError:
        raise SystemFailure(
            f'plugin "{driver}": IpamDriver.RequestPool: no gateway: {tame(said)}'
        ) from None
