"""The volumes room's Drivers port: the VolumeDriver calls of plugins."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import trio

from engine.adapters.rootfs.openat2 import open_in_root
from engine.domain.plugins.facade import VOLUME, Plugins
from engine.domain.plugins.ports import Endpoint
from engine.domain.volumes.ports import RemoteVolume
from engine.errors import EngineError, SystemFailure, Unavailable


class PluginVolumes:
    """Create and Get are asked as dockerd asks them: what a plugin has already is not made again."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins

    async def need(self, driver: str) -> None:
        await self._plugins.get(driver, VOLUME)

    async def create(self, driver: str, name: str, options: Mapping[str, str]) -> None:
        try:
            await self._ask(driver, "Get", Name=name)
        except Unavailable:
            raise
        except EngineError:
            await self._ask(driver, "Create", Name=name, Opts=dict(options))

    async def remove(self, driver: str, name: str) -> None:
        await self._ask(driver, "Remove", Name=name)

    async def mount(self, driver: str, name: str, caller: str) -> str:
        found = (await self._ask(driver, "Mount", Name=name, ID=caller)).get("Mountpoint")
        if not found:
            found = (await self._ask(driver, "Path", Name=name)).get("Mountpoint")
        return await self._path(driver, found)

    async def unmount(self, driver: str, name: str, caller: str) -> None:
        await self._ask(driver, "Unmount", Name=name, ID=caller)

    async def look(self, driver: str, name: str) -> RemoteVolume:
        found = (await self._ask(driver, "Get", Name=name)).get("Volume")
        if not isinstance(found, dict):
            raise SystemFailure(f'plugin "{driver}": VolumeDriver.Get: the answer has no volume')
        status = found.get("Status")
        point = str(found.get("Mountpoint") or "")
        return RemoteVolume(
            mountpoint=await self._path(driver, point) if point else "",
            status=status if isinstance(status, dict) else None,
            scope=await self._scope(driver),
        )

    def active(self) -> list[str]:
        return self._plugins.active(VOLUME)

    async def _scope(self, driver: str) -> str:
        """Plugins need not know this call; such a one's volumes are local."""
        try:
            found = (await self._ask(driver, "Capabilities")).get("Capabilities")
        except EngineError:
            return "local"
        scope = str(found.get("Scope", "")).lower() if isinstance(found, dict) else ""
        return scope if scope in ("local", "global") else "local"

    async def _ask(self, driver: str, method: str, **body: object) -> dict[str, Any]:
        plugin = await self._plugins.get(driver, VOLUME)
        return await plugin.call(f"VolumeDriver.{method}", body)

    async def _path(self, driver: str, found: object) -> str:
        """A directory of the host: absolute, and never a way out of the root of a plugin that has its own."""
        if not isinstance(found, str) or not found.startswith("/") or "\0" in found:
            raise SystemFailure(f'plugin "{driver}": the mountpoint is no absolute path')
        endpoint = (await self._plugins.get(driver, VOLUME)).endpoint
        if endpoint is None or not endpoint.root:
            return found
        return await trio.to_thread.run_sync(inside, endpoint, found)


def inside(endpoint: Endpoint, path: str) -> str:
    """The host's path of one in a plugin's root, with the symlinks there taken as it means them. SystemFailure."""
    host = endpoint.on_host(path)
    outside = endpoint.propagated[1]
    base = outside if outside and f"{host}/".startswith(f"{outside}/") else endpoint.root
    try:
        root = os.open(base, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            found = open_in_root(root, host.removeprefix(base) or "/", os.O_PATH)
        finally:
            os.close(root)
    except OSError:
        # It is not there yet, and nothing on the way may be a symlink that the host would follow.
        if os.path.realpath(host) != os.path.realpath(base) + host.removeprefix(base):
            text = f'plugin "{endpoint.name}": the mountpoint leads out of its root'
            raise SystemFailure(text) from None
        return host
    try:
        return os.readlink(f"/proc/self/fd/{found}")
    finally:
        os.close(found)
