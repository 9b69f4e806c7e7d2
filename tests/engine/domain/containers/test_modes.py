from __future__ import annotations

import pytest

from engine.domain.containers.modes import check_modes, joined
from engine.errors import InvalidParameter
from engine.models.containers import ContainerConfig, HostConfig
from engine.models.networks import PortBinding

C = ContainerConfig
H = HostConfig
MAC = "02:42:00:00:00:01"
LINKS = "networking can't be used with links. This would result in undefined behavior"

# Asked of dockerd 20.10, where the IPC, PID and UTS modes were refused only at start.
REFUSALS = [
    (
        C(),
        H(network_mode="container:"),
        "Invalid network mode: invalid container format container:<name|id>",
    ),
    (
        C(hostname="x"),
        H(network_mode="container:a"),
        "conflicting options: hostname and the network mode",
    ),
    (C(hostname="x"), H(uts_mode="host"), "conflicting options: hostname and the UTS mode"),
    (C(), H(network_mode="host", links=["a:b"]), f"conflicting options: host type {LINKS}"),
    (
        C(),
        H(network_mode="container:a", links=["a:b"]),
        "conflicting options: container type network can't be used with links. "
        "This would result in undefined behavior",
    ),
    (
        C(),
        H(network_mode="container:a", dns=["1.1.1.1"]),
        "conflicting options: dns and the network mode",
    ),
    (
        C(),
        H(network_mode="container:a", extra_hosts=["a:1.1.1.1"]),
        "conflicting options: custom host-to-IP mapping and the network mode",
    ),
    (
        C(mac_address=MAC),
        H(network_mode="host"),
        "conflicting options: mac-address and the network mode",
    ),
    (
        C(mac_address=MAC),
        H(network_mode="container:a"),
        "conflicting options: mac-address and the network mode",
    ),
    (
        C(),
        H(network_mode="container:a", port_bindings={"80/tcp": [PortBinding(host_port="80")]}),
        "conflicting options: port publishing and the container type network mode",
    ),
    (
        C(),
        H(network_mode="container:a", publish_all_ports=True),
        "conflicting options: port publishing and the container type network mode",
    ),
    (
        C(exposed_ports={"80/tcp": {}}),
        H(network_mode="container:a"),
        "conflicting options: port exposing and the container type network mode",
    ),
    (C(), H(isolation="hyperv"), "Invalid isolation: \"hyperv\" - linux only supports 'default'"),
    (C(), H(ipc_mode="x"), "invalid IPC mode: x"),
    (C(), H(ipc_mode="container:"), "invalid IPC mode: container:"),
    (C(), H(pid_mode="x"), "invalid PID mode: x"),
    (C(), H(uts_mode="x"), "invalid UTS mode: x"),
    (C(), H(userns_mode="x"), "invalid user namespace mode: x"),
    (C(), H(cgroupns_mode="x"), "invalid cgroup namespace mode: x"),
]


@pytest.mark.parametrize(("config", "host", "text"), REFUSALS)
def test_conflicts_have_dockerds_texts(
    config: ContainerConfig, host: HostConfig, text: str
) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_modes(config, host)
    assert str(caught.value) == text


def test_modes_that_go_together_pass() -> None:
    check_modes(C(hostname="x"), H(network_mode="host", dns=["1.1.1.1"]))
    check_modes(C(), H(ipc_mode="container:a", pid_mode="container:a", cgroupns_mode="private"))
    check_modes(C(mac_address=MAC), H(network_mode="none"))


def test_joined_names_the_other_container() -> None:
    assert joined("container:a") == "a"
    assert joined("bridge") is None
