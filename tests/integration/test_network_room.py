"""The networks room on real netlink and nftables: who reaches whom, and what a restart keeps."""

from __future__ import annotations

import time
from ipaddress import IPv4Interface, IPv4Network

import pytest
import trio

from engine.domain.networks.facade import (
    EndpointPlan,
    Networks,
    Sandbox,
    SavedEndpoint,
    parse_ports,
)
from engine.errors import Conflict, SystemFailure
from engine.models.containers import PortBinding  # type: ignore[import-not-found,unused-ignore]
from tests.integration.network_lab import (
    HOST,
    NEIGHBOUR,
    Lab,
    in_lab,
    lab,
    run,
    running,
    setting,
)

pytestmark = pytest.mark.integration
ANY_PORT = {"80/tcp": [PortBinding(host_ip="", host_port="8080")]}
