from __future__ import annotations

from engine.domain.builds.options import BuildOptions


def test_host_config_has_the_clients_limits() -> None:
    host = BuildOptions(network="none", memory=5, extra_hosts=("a:1",), cpu_shares=7).host_config()
    assert (host.network_mode, host.memory, host.extra_hosts, host.cpu_shares) == (
        "none",
        5,
        ["a:1"],
        7,
    )
    assert BuildOptions().host_config().network_mode == "default"
