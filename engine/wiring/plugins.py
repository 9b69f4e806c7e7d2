"""The plugins room with its adapters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from config.schema import Settings
from engine.adapters.logsinks import open_sink
from engine.adapters.pluginhttp.discovery import HostDirectory
from engine.adapters.pluginhttp.wire import HttpWire
from engine.domain.logs.drivers import DRIVERS
from engine.domain.logs.facade import Logs
from engine.domain.logs.ports import Destination, Sink
from engine.domain.plugins.facade import LOG, Plugins
from engine.domain.plugins.ports import Endpoint


class AllPlugins:
    """Managed plugins go before the host's, as on dockerd."""

    def __init__(self, host: HostDirectory, managed: Callable[[str], Endpoint | None]) -> None:
        self._host = host
        self._managed = managed

    async def find(self, name: str) -> Endpoint | None:
        return self._managed(name) or await self._host.find(name)

    async def names(self) -> list[str]:
        return await self._host.names()


def plugins_room(
    settings: Settings, managed: Callable[[str], Endpoint | None] = lambda _: None
) -> Plugins:
    host = HostDirectory(Path(settings.plugin_sockets), map(Path, settings.plugin_specs))
    return Plugins(AllPlugins(host, managed), HttpWire())


class PluginLogs:
    """Which log drivers there are beside our own."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins

    async def need(self, driver: str) -> None:
        await self._plugins.get(driver, LOG)

    def active(self) -> list[str]:
        return self._plugins.active(LOG)


def logs_room(data_root: Path, exec_root: Path, plugins: Plugins) -> Logs:
    def open_any(destination: Destination) -> Sink:
        if destination.driver in DRIVERS:
            return open_sink(destination)
        from engine.adapters.pluginhttp.logs import PluginSink  # rarely needed

        return PluginSink(plugins, destination, exec_root / "logging")

    return Logs(data_root / "logs", open_any, PluginLogs(plugins))
