"""What the daemon's configuration says about networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)

import msgspec

from engine.domain.networks.pools import DEFAULT_POOLS, Pool, local_pool

DEFAULT_BRIDGE = "trimaran0"
NO_BRIDGE = "none"


class NetworkSettings(msgspec.Struct, kw_only=True):
    """One object for all of the room; only `adopt` changes it. `bridge` "none" means no default bridge; `mtu` 0 follows the uplink.

    `userland_proxy`: carry what the firewall can't divert ([::1]).
    """

    engine_id: str
    bridge: str = DEFAULT_BRIDGE
    bip: IPv4Interface | None = None
    fixed_cidr: IPv4Network | None = None
    fixed_cidr_v6: IPv6Network | None = None  # the default bridge has IPv6 addresses, these
    bip6: IPv6Interface | None = None  # its own, and the subnet of which those are a part
    default_gateway: IPv4Address | None = None  # of containers on it; the bridge unless given
    default_gateway6: IPv6Address | None = None
    mtu: int = 0
    pools: Sequence[Pool] = DEFAULT_POOLS
    iptables: bool = True
    ip_forward: bool = True
    ip_masq: bool = True
    icc: bool = True
    default_ip: str = "0.0.0.0"
    userland_proxy: bool = True
    publish_policy: str = "all"  # or lan, local: for whom a port is that names no host address
    default_options: Mapping[str, Mapping[str, str]] = msgspec.field(
        default_factory=dict
    )  # by driver

    def adopt(self, fresh: NetworkSettings) -> None:
        """Take over what a reload may change: it holds for networks and ports that are made from now on."""
        self.pools, self.publish_policy = fresh.pools, fresh.publish_policy

    @property
    def alias(self) -> str:
        """What every link of ours carries; nothing without it is touched."""
        return f"trimaran:{self.engine_id}"

    @property
    def all_pools(self) -> tuple[Pool, ...]:
        return (*self.pools, local_pool(self.engine_id))
