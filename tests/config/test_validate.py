"""Each check has a text and the key at fault."""

from __future__ import annotations

import msgspec
import pytest

from config.errors import ConfigError
from config.schema import Settings
from config.sections import AddressPool, EventsRetention, Runtime, StorageCollection, Ulimit
from config.validate import cgroup_driver, validate

WRONG: list[tuple[Settings, str, str]] = [
    (Settings(log_level="x"), "log-level", "invalid logging level: x"),
    (Settings(log_format="x"), "log-format", "invalid log format: x"),
    (Settings(dns=("x",)), "dns", "x is not an ip address"),
    (Settings(dns_search=("a b",)), "dns-search", "a b is not a valid domain"),
    (Settings(labels=("x",)), "labels", "bad attribute format: x"),
    (Settings(labels=("k=v1", "k=v2")), "labels", "conflict labels for k=v2 and k=v1"),
    (Settings(hosts=("npipe://x",)), "hosts", 'invalid protocol format: "npipe": named pipes are for Windows only'),
    (Settings(registry_mirrors=("x",)), "registry-mirrors", 'invalid mirror: unsupported scheme "" in "x"'),
    (Settings(registry_mirrors={"*": ("x",)}), "registry-mirrors", 'invalid mirror: unsupported scheme "" in "x"'),
    (Settings(insecure_registries=("ftp://x",)), "insecure-registries", "insecure registry ftp://x should not contain '://'"),
    (Settings(max_concurrent_downloads=-1), "max-concurrent-downloads", "invalid max concurrent downloads: -1"),
    (Settings(max_concurrent_uploads=-2), "max-concurrent-uploads", "invalid max concurrent uploads: -2"),
    (Settings(max_download_attempts=0), "max-download-attempts", "invalid max download attempts: 0"),
    (Settings(default_shm_size=-1), "default-shm-size", "SHM size can not be less than 0"),
    (Settings(api_half_open=0), "api-half-open", "invalid half-open limit: 0"),
    (Settings(api_header_timeout=0), "api-header-timeout", "invalid header timeout: 0"),
    (Settings(timeline_retention=-1), "timeline-retention", "timeline retention can not be less than 0"),
    (Settings(events_retention=EventsRetention(count=-1)), "events-retention", "events retention can not be less than 0"),
    (Settings(storage_collection=StorageCollection(grace=-1)), "storage-collection", "times and sizes can not be less than 0"),
    (Settings(storage_collection=StorageCollection(interval=0)), "storage-collection", "the interval can not be less than a second"),
    (Settings(storage_collection=StorageCollection(high=101)), "storage-collection", "high is in percent: 101"),
    (Settings(storage_collection=StorageCollection(high=80)), "storage-collection", "low must be above 0 and not above high (80): 0"),
    (Settings(storage_collection=StorageCollection(high=80, low=90)), "storage-collection", "low must be above 0 and not above high (80): 90"),
    (Settings(runtimes={"runc": Runtime("/x")}), "runtimes", "runtime name 'runc' is reserved"),
    (Settings(runtimes={"a": Runtime()}), "runtimes", "runtime a: either a runtimeType or a path must be configured"),
    (Settings(runtimes={"a": Runtime("/a", type="b")}), "runtimes", "runtime a: cannot configure both path and runtimeType for the same runtime"),
    (Settings(runtimes={"a": Runtime("/a", options={"b": 1})}), "runtimes", "runtime a: options cannot be used with a path runtime"),
    (Settings(runtimes={"a": Runtime(type="b", args=("c",))}), "runtimes", "runtime a: args cannot be used with a runtimeType runtime"),
    (Settings(default_runtime="x"), "default-runtime", "specified default runtime 'x' does not exist"),
    (Settings(default_ipc_mode="x"), "default-ipc-mode", 'default IPC mode setting (x) is invalid; use "shareable" or "private"'),
    (Settings(default_cgroupns_mode="x"), "default-cgroupns-mode", 'default cgroup namespace mode (x) is invalid; use "host" or "private"'),
    (Settings(min_api_version="x"), "min-api-version", "invalid minimum API version: x"),
    (Settings(default_ulimits={"x": Ulimit("x", 1, 1)}), "default-ulimits", "invalid ulimit type: x"),
    (Settings(default_ulimits={"x": Ulimit("core", 1, 1)}), "default-ulimits", "invalid ulimit type: x"),
    (Settings(default_ulimits={"core": Ulimit("core", 2, 1)}), "default-ulimits", "ulimit soft limit must be less than or equal to hard limit: 2 > 1"),
    (Settings(containerd_namespace="a", containerd_plugin_namespace="a"), "containerd-plugin-namespace", "containers namespace and plugins namespace cannot be the same"),
    (Settings(containerd_namespace="a/b"), "containerd-namespace", "invalid containerd namespace: 'a/b'"),
    (Settings(exec_opts=("native.cgroupdriver=x",)), "exec-opts", "native.cgroupdriver option x not supported"),
    (Settings(exec_opts=("native.cgroupdriver=systemd",), cgroup_parent="/x"), "cgroup-parent", 'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"'),
    (Settings(node_generic_resources=("x",)), "node-generic-resources", "invalid node-generic-resource format `x` expected `name=value`"),
    (Settings(bridge="x", bip="1.2.3.4/24"), "bip", "You specified -b & --bip, mutually exclusive options. Please specify only one"),
    (Settings(bridge="a/b"), "bridge", "invalid bridge name: 'a/b'"),
    (Settings(icc=False, iptables=False), "icc", "You specified --iptables=false with --icc=false. ICC=false uses iptables to function. Please set --icc or --iptables to true"),
    (Settings(firewall_backend="iptables"), "firewall-backend", 'invalid firewall-backend "iptables": use "nftables"'),
    (Settings(bridge_accept_fwmark="x"), "bridge-accept-fwmark", 'invalid firewall mark "x"'),
    (Settings(bip="x"), "bip", "invalid bip: invalid CIDR address: x"),
    (Settings(bip="1.2.3.4"), "bip", "invalid bip: invalid CIDR address: 1.2.3.4"),
    (Settings(bip="fd00::1/64"), "bip", "invalid bip: fd00::1/64 is not IPv4"),
    (Settings(fixed_cidr="x"), "fixed-cidr", "invalid fixed-cidr: invalid CIDR address: x"),
    (Settings(default_gateway="::1"), "default-gateway", "invalid default-gateway: ::1 is not IPv4"),
    (Settings(ip="x"), "ip", "x is not an ip address"),
    (Settings(default_address_pools=(AddressPool("x", 24),)), "default-address-pools", "invalid default address pool base=x,size=24: the base is not a CIDR"),
    (Settings(default_address_pools=(AddressPool("10.0.0.0/8", 4),)), "default-address-pools", "invalid default address pool base=10.0.0.0/8,size=4: the size must be between 8 and 32"),
    (Settings(mtu=-1), "mtu", "invalid default MTU: -1"),
    (Settings(network_control_plane_mtu=-1), "network-control-plane-mtu", "invalid network control plane MTU: -1"),
    (Settings(network_diagnostic_port=70000), "network-diagnostic-port", "invalid network-diagnostic-port (70000): value must be between 0 and 65535"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "key", "text"), WRONG, ids=[row[2][:40] for row in WRONG])
def test_wrong_setting_is_refused_with_its_key(settings: Settings, key: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(settings)
    assert (str(caught.value), caught.value.key) == (text, key)


def test_defaults_are_valid_and_survive_a_round_trip() -> None:
    validate(Settings())
    assert msgspec.json.decode(msgspec.json.encode(Settings()), type=Settings) == Settings()


def test_last_cgroup_driver_wins() -> None:
    driver = "native.cgroupdriver="
    settings = Settings(exec_opts=("x=y", f"{driver}cgroupfs", f"{driver}systemd"))
    validate(settings)
    assert cgroup_driver(settings) == "systemd"
    assert cgroup_driver(Settings()) == ""


def test_masquerading_goes_with_the_firewall() -> None:
    assert Settings().masquerades
    assert not Settings(iptables=False).masquerades


def test_tls_is_implied_by_tlsverify() -> None:
    assert not Settings().uses_tls
    assert not Settings(tls=False).uses_tls
    assert Settings(tls=True).uses_tls
    assert Settings(tlsverify=True).uses_tls
