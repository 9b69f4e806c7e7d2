"""The rooms of networks and volumes, with their adapters."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from config.schema import Settings
from engine.adapters.netlink.adapter import Netlink
from engine.adapters.nft.firewall import NftFirewall
from engine.adapters.pluginhttp.ipam import PluginIpam
from engine.adapters.pluginhttp.networks import PluginNetworks
from engine.adapters.pluginhttp.volumes import PluginVolumes
from engine.adapters.resolver import ResolverClient
from engine.adapters.store.database import Database
from engine.adapters.store.networks import NetworkStore
from engine.adapters.store.volumes import VolumeStore
from engine.adapters.volumes.disk import HostDisk
from engine.domain.events.facade import Journal
from engine.domain.networks.facade import Networks
from engine.domain.plugins.facade import Plugins
from engine.domain.system.tallies import Tallies
from engine.domain.volumes.facade import Volumes
from engine.wiring.rooms import network_settings

State = tuple[Database, Journal]


def networks_room(
    settings: Settings,
    engine_id: str,
    exec_root: Path,
    state: State,
    resolver: ResolverClient,
    plugins: Plugins,
    tallies: Tallies | None = None,
) -> Networks:
    _, journal = state
    return Networks(
        network_settings(settings, engine_id),
        links=Netlink(exec_root),
        firewall=NftFirewall(engine_id),
        store=NetworkStore(*state),
        resolver=resolver,
        drivers=PluginNetworks(plugins),
        ipams=PluginIpam(plugins),
        announce=partial(_tell, journal),
        tallies=tallies,
    )


async def _tell(journal: Journal, action: str, attributes: dict[str, str]) -> None:
    """An event of no network in particular."""
    await journal.emit("network", action, "", attributes)


def volumes_room(data_root: Path, exec_root: Path, state: State, plugins: Plugins) -> Volumes:
    return Volumes(
        disk=HostDisk(data_root / "volumes", exec_root / "mnt"),
        store=VolumeStore(*state),
        drivers=PluginVolumes(plugins),
    )
