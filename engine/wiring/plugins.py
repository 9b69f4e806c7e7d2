"""The plugins room with its adapters."""

from __future__ import annotations

from pathlib import Path

from config.schema import Settings
from engine.adapters.pluginhttp.discovery import HostDirectory
from engine.adapters.pluginhttp.wire import HttpWire
from engine.domain.plugins.facade import Plugins


def plugins_room(settings: Settings) -> Plugins:
    specs = [Path(each) for each in settings.plugin_specs]
    return Plugins(HostDirectory(Path(settings.plugin_sockets), specs), HttpWire())
