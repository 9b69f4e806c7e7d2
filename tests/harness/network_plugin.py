"""The network and address part of the example plugin: bridges and veth pairs of its own, pools in a file.

What it has is in DIRECTORY/networks.json, so it outlives the program. Options: `fail` refuses a network,
`route` is a destination that its containers reach over the gateway, `odd` spoils the answer to Join.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Document = dict[str, Any]
_lock = threading.Lock()
GENERIC = "com.docker.network.generic"


class Refused(Exception):
    """With the words for `Err`."""


class NetworkPlugin:
    def __init__(self, directory: Path, mode: str) -> None:
        self._path = directory / "networks.json"
        self._mode = mode

    def answer(self, method: str, asked: Document) -> Document:
        kind, _, name = method.partition(".")
        with self._state() as state:
            work = self._network if kind == "NetworkDriver" else self._ipam
            found = work(name, asked, state)
        if self._mode == "slow-endpoint" and name in ("CreateEndpoint", "CreateNetwork"):
            time.sleep(3)
        return found

    @contextmanager
    def _state(self) -> Iterator[Document]:
        with _lock:
            try:
                state = json.loads(self._path.read_text())
            except FileNotFoundError:
                state = {"networks": {}, "endpoints": {}, "pools": {}}
            yield state
            fresh = self._path.with_suffix(".new")
            fresh.write_text(json.dumps(state))
            fresh.replace(self._path)  # whole, whoever looks, and whenever we are killed

    def _network(self, name: str, asked: Document, state: Document) -> Document:
        networks, endpoints = state["networks"], state["endpoints"]
        network, endpoint = asked.get("NetworkID", ""), asked.get("EndpointID", "")
        if name == "GetCapabilities":
            return {"Scope": "local", "ConnectivityScope": "local"}
        if name == "CreateNetwork":
            options = asked["Options"].get(GENERIC) or {}
            if "fail" in options:
                raise Refused(options["fail"])
            gateway = next((each.get("Gateway", "") for each in asked["IPv4Data"]), "")
            networks[network] = {"gateway": gateway, "options": options}
            bridge(network, gateway)
            return {}
        if network not in networks:
            raise Refused(f"no network {network}")
        if name == "DeleteNetwork":
            del networks[network]
            ip("link", "del", f"pb{network[:8]}")
            return {}
        if name == "CreateEndpoint":
            return self._endpoint(network, endpoint, asked, state)
        if endpoint not in endpoints:
            raise Refused(f"no endpoint {endpoint}")
        if name == "DeleteEndpoint":
            del endpoints[endpoint]
            ip("link", "del", f"pv{endpoint[:8]}")
        elif name == "Join":
            endpoints[endpoint] = "joined"
            return self._joined(endpoint, networks[network])
        elif name == "Leave":
            endpoints[endpoint] = "left"
        elif name == "EndpointOperInfo":
            return {"Value": {}}
        return {}

    def _endpoint(self, network: str, endpoint: str, asked: Document, state: Document) -> Document:
        state["endpoints"][endpoint] = "made"
        here, there = f"pv{endpoint[:8]}", f"pc{endpoint[:8]}"
        ip("link", "add", here, "type", "veth", "peer", "name", there)
        ip("link", "set", here, "master", f"pb{network[:8]}", "up")
        chosen: Document = {}
        if not asked["Interface"].get("MacAddress"):
            chosen["MacAddress"] = "02:aa:" + ":".join(endpoint[at : at + 2] for at in (0, 2, 4, 6))
        if not asked["Interface"].get("Address"):
            chosen["Address"] = "10.77.0.9/24"  # nobody gives addresses: it does
        return {"Interface": chosen}

    def _joined(self, endpoint: str, network: Document) -> Document:
        gateway, options = network["gateway"].split("/")[0], network["options"]
        if options.get("odd"):
            return {"InterfaceName": {"SrcName": "../../x", "DstPrefix": "plug"}}
        found = {
            "InterfaceName": {"SrcName": f"pc{endpoint[:8]}", "DstPrefix": "plug"},
            "Gateway": gateway,
        }
        if "route" in options:
            found["StaticRoutes"] = [
                {"Destination": options["route"], "RouteType": 0, "NextHop": gateway}
            ]
        return found

    def _ipam(self, name: str, asked: Document, state: Document) -> Document:
        pools = state["pools"]
        if name == "GetCapabilities":
            return {"RequiresMACAddress": False}
        if name == "GetDefaultAddressSpaces":
            return {"LocalDefaultAddressSpace": "here", "GlobalDefaultAddressSpace": "there"}
        if name == "RequestPool":
            subnet = asked["Pool"] or f"10.66.{len(pools)}.0/24"
            identifier = f"{asked['AddressSpace']}/{subnet}"
            if identifier in pools:
                raise Refused(f"the pool {subnet} is taken")
            pools[identifier] = []
            return {"PoolID": identifier, "Pool": subnet, "Data": {}}
        pool = asked["PoolID"]
        if pool not in pools:
            raise Refused(f"no pool {pool}")
        if name == "ReleasePool":
            del pools[pool]
        elif name == "RequestAddress":
            return {"Address": self._address(pool, asked["Address"], pools[pool])}
        elif name == "ReleaseAddress":
            pools[pool].remove(asked["Address"])
        return {}

    def _address(self, pool: str, wanted: str, taken: list[str]) -> str:
        subnet = ipaddress.ip_network(pool.partition("/")[2])
        for each in [ipaddress.ip_address(wanted)] if wanted else subnet.hosts():
            if str(each) not in taken and each in subnet:
                taken.append(str(each))
                return f"{each}/{subnet.prefixlen}"
        raise Refused("no address is left" if not wanted else f"{wanted} is taken")


def bridge(network: str, gateway: str) -> None:
    name = f"pb{network[:8]}"
    ip("link", "add", name, "type", "bridge")
    if gateway:
        ip("addr", "add", gateway, "dev", name)
    ip("link", "set", name, "up")


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=False, capture_output=True)
