"""The plugins room with its adapters."""

from __future__ import annotations

from pathlib import Path

from config.schema import Settings
from engine.adapters.logsinks import open_sink
from engine.adapters.pluginhttp.discovery import HostDirectory
from engine.adapters.pluginhttp.wire import HttpWire
from engine.domain.logs.drivers import DRIVERS
from engine.domain.logs.facade import Logs
from engine.domain.logs.ports import Destination, Sink
from engine.domain.plugins.facade import LOG, Plugins


def plugins_room(settings: Settings) -> Plugins:
    specs = [Path(each) for each in settings.plugin_specs]
    return Plugins(HostDirectory(Path(settings.plugin_sockets), specs), HttpWire())


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
