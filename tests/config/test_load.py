"""The file and the flags together: agreement, conflicts, unknown names, origins, texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from config.errors import ConfigError
from config.flags import parse
from config.load import Loaded, load
from config.options import FILE_ONLY, OPTIONS
from config.origins import Origin
from config.schema import KEYS, Settings
from config.sections import AddressPool, EventsRetention, Proxies, Runtime, Ulimit

PREFIX = "unable to configure the Docker daemon with file /f: "
CHECKED = PREFIX + "configuration validation from file failed: "
REFUSED = {"rootless", "selinux-enabled", "userns-remap"}


def reader(content: str) -> Callable[[str], bytes]:
    return lambda path: content.encode()


def from_file(data: object, *flags: str) -> Loaded:
    text = data if isinstance(data, str) else json.dumps(data)
    return load(parse(["--config-file", "/f", *flags]), reader(text))


def from_flags(*flags: str) -> Loaded:
    return load(parse(flags), reader(""))


def text_of(data: object, *flags: str) -> str:
    with pytest.raises(ConfigError) as caught:
        from_file(data, *flags)
    return str(caught.value)


# key of daemon.json, flags, the same in the file, the value of the settings
FORMS: list[tuple[str, list[str], Any, Any]] = [
    ("debug", ["-D"], True, True),
    ("log-level", ["-l", "warn"], "warn", "warn"),
    ("log-format", ["--log-format=json"], "json", "json"),
    ("raw-logs", ["--raw-logs"], True, True),
    ("data-root", ["--data-root", "/d"], "/d", "/d"),
    ("exec-root", ["--exec-root=/e"], "/e", "/e"),
    ("pidfile", ["-p", "/p"], "/p", "/p"),
    ("live-restore", ["--live-restore"], True, True),
    ("shutdown-timeout", ["--shutdown-timeout", "-1"], -1, -1),
    ("default-stop-timeout", ["--default-stop-timeout=3"], 3, 3),
    ("labels", ["--label", "a=b", "--label", "c=d", "--label=a=b"], ["a=b", "c=d"], ("a=b", "c=d")),
    ("features", ["--feature", "a", "--feature=b=false"], {"a": True, "b": False}, {"a": True, "b": False}),
    ("experimental", ["--experimental"], True, True),
    ("metrics-addr", ["--metrics-addr", "127.0.0.1:9323"], "127.0.0.1:9323", "127.0.0.1:9323"),
    ("timeline-retention", ["--timeline-retention=48h"], "48h", 48 * 3600),
    ("events-retention", ["--events-retention", "count=5,age=2h", "--events-retention=bytes=1m"],
     {"count": 5, "age": "2h", "bytes": "1m"}, EventsRetention(5, 7200, 1 << 20)),
    ("plugin-sockets", ["--plugin-sockets=/run/p"], "/run/p", "/run/p"),
    ("plugin-specs", ["--plugin-specs=/etc/a", "--plugin-specs=/etc/b"], ["/etc/a", "/etc/b"], ("/etc/a", "/etc/b")),
    ("authorization-plugins", ["--authorization-plugin", "a"], ["a"], ("a",)),
    ("hosts", ["-H", "fd://", "--host=tcp://:1"], ["fd://", "tcp://:1"], ("fd://", "tcp://:1")),
    ("group", ["-Gwheel"], "wheel", "wheel"),
    ("tls", ["--tls=false"], False, False),
    ("tlsverify", ["--tlsverify"], True, True),
    ("tlscacert", ["--tlscacert", "/ca"], "/ca", "/ca"),
    ("tlscert", ["--tlscert", "/c"], "/c", "/c"),
    ("tlskey", ["--tlskey", "/k"], "/k", "/k"),
    ("operator-addr", ["--operator-addr="], "", ""),
    ("api-half-open", ["--api-half-open", "9"], 9, 9),
    ("api-header-timeout", ["--api-header-timeout=5"], 5, 5),
    ("api-cors-header", ["--api-cors-header", "*"], "*", "*"),
    ("containerd", ["--containerd", "/s"], "/s", "/s"),
    ("containerd-namespace", ["--containerd-namespace", "moby"], "moby", "moby"),
    ("containerd-plugin-namespace", ["--containerd-plugins-namespace", "p"], "p", "p"),
    ("cri-containerd", ["--cri-containerd"], True, True),
    ("runtimes", ["--add-runtime", "a=/a", "--add-runtime", "b=/b"],
     {"a": {"path": "/a"}, "b": {"Path": "/b"}}, {"a": Runtime("/a"), "b": Runtime("/b")}),
    ("default-runtime", ["--default-runtime", "io.containerd.runc.v2"],
     "io.containerd.runc.v2", "io.containerd.runc.v2"),
    ("exec-opts", ["--exec-opt", "native.cgroupdriver=cgroupfs"],
     ["native.cgroupdriver=cgroupfs"], ("native.cgroupdriver=cgroupfs",)),
    ("storage-driver", ["-s", "overlay2"], "overlay2", "overlay2"),
    ("storage-opts", ["--storage-opt", "x=y"], ["x=y"], ("x=y",)),
    ("cdi-spec-dirs", ["--cdi-spec-dir", "/x"], ["/x"], ("/x",)),
    ("nri-opts", ["--nri-opts", "a=b"], {"a": "b"}, {"a": "b"}),
    ("init", ["--init"], True, True),
    ("init-path", ["--init-path", "/i"], "/i", "/i"),
    ("cgroup-parent", ["--cgroup-parent", "/c"], "/c", "/c"),
    ("cpu-rt-period", ["--cpu-rt-period", "0x10"], 16, 16),
    ("cpu-rt-runtime", ["--cpu-rt-runtime", "5"], 5, 5),
    ("default-ulimits", ["--default-ulimit", "nofile=1:2", "--default-ulimit=core=-1"],
     {"nofile": {"Name": "nofile", "Soft": 1, "Hard": 2}, "core": {"soft": -1, "hard": -1}},
     {"nofile": Ulimit("nofile", 1, 2), "core": Ulimit("core", -1, -1)}),
    ("default-shm-size", ["--default-shm-size", "1g"], "1g", 1 << 30),
    ("default-ipc-mode", ["--default-ipc-mode", "shareable"], "shareable", "shareable"),
    ("default-cgroupns-mode", ["--default-cgroupns-mode", "host"], "host", "host"),
    ("log-driver", ["--log-driver", "local"], "local", "local"),
    ("log-opts", ["--log-opt", "max-size=1m", "--log-opt=max-file=3"],
     {"max-size": "1m", "max-file": "3"}, {"max-size": "1m", "max-file": "3"}),
    ("node-generic-resources", ["--node-generic-resource", "gpu=1"], ["gpu=1"], ("gpu=1",)),
    ("seccomp-profile", ["--seccomp-profile", "/s"], "/s", "/s"),
    ("selinux-enabled", ["--selinux-enabled"], True, True),
    ("no-new-privileges", ["--no-new-privileges"], True, True),
    ("userns-remap", ["--userns-remap", "default"], "default", "default"),
    ("rootless", ["--rootless"], True, True),
    ("max-concurrent-downloads", ["--max-concurrent-downloads=0"], 0, 0),
    ("max-concurrent-uploads", ["--max-concurrent-uploads", "9"], 9, 9),
    ("max-download-attempts", ["--max-download-attempts", "1"], 1, 1),
    ("registry-mirrors", ["--registry-mirror", "https://m"], ["https://m"], ("https://m/",)),
    ("insecure-registries", ["--insecure-registry", "http://r:5000", "--insecure-registry=10.0.0.0/8"],
     ["r:5000", "10.0.0.0/8"], ("r:5000", "10.0.0.0/8")),
    ("allow-nondistributable-artifacts", ["--allow-nondistributable-artifacts", "r"], ["r"], ("r",)),
    ("proxies", ["--http-proxy", "http://p", "--https-proxy=s", "--no-proxy", "x"],
     {"http-proxy": "http://p", "https-proxy": "s", "no-proxy": "x"}, Proxies("http://p", "s", "x")),
    ("bridge", ["-b", "none"], "none", "none"),
    ("bip", ["--bip", "10.1.0.1/24"], "10.1.0.1/24", "10.1.0.1/24"),
    ("bip6", ["--bip6", "fd00::1/64"], "fd00::1/64", "fd00::1/64"),
    ("fixed-cidr", ["--fixed-cidr", "10.1.0.0/25"], "10.1.0.0/25", "10.1.0.0/25"),
    ("fixed-cidr-v6", ["--fixed-cidr-v6", "fd00::/64"], "fd00::/64", "fd00::/64"),
    ("default-gateway", ["--default-gateway", "10.1.0.9"], "10.1.0.9", "10.1.0.9"),
    ("default-gateway-v6", ["--default-gateway-v6", "fd00::9"], "fd00::9", "fd00::9"),
    ("default-address-pools", ["--default-address-pool", "base=10.0.0.0/8,size=24"],
     [{"base": "10.0.0.0/8", "size": 24}], (AddressPool("10.0.0.0/8", 24),)),
    ("default-network-opts", ["--default-network-opt", "bridge=a=1", "--default-network-opt=bridge=b=2"],
     {"bridge": {"a": "1", "b": "2"}}, {"bridge": {"a": "1", "b": "2"}}),
    ("dns", ["--dns", "1.1.1.1", "--dns=::1"], ["1.1.1.1", "::1"], ("1.1.1.1", "::1")),
    ("dns-opts", ["--dns-opt", "ndots:2"], ["ndots:2"], ("ndots:2",)),
    ("dns-search", ["--dns-search", "a.example"], ["a.example"], ("a.example",)),
    ("host-gateway-ips", ["--host-gateway-ip", "1.2.3.4"], ["1.2.3.4"], ("1.2.3.4",)),
    ("icc", ["--icc=false"], False, False),
    ("ip", ["--ip", "127.0.0.1"], "127.0.0.1", "127.0.0.1"),
    ("ip-forward", ["--ip-forward=0"], False, False),
    ("ip-forward-no-drop", ["--ip-forward-no-drop"], True, True),
    ("ip-masq", ["--ip-masq=F"], False, False),
    ("iptables", ["--iptables=false"], False, False),
    ("ip6tables", ["--ip6tables=false"], False, False),
    ("ipv6", ["--ipv6"], True, True),
    ("allow-direct-routing", ["--allow-direct-routing"], True, True),
    ("firewall-backend", ["--firewall-backend", "nftables"], "nftables", "nftables"),
    ("bridge-accept-fwmark", ["--bridge-accept-fwmark", "0x1/0xff"], "0x1/0xff", "0x1/0xff"),
    ("publish-policy", ["--publish-policy", "local"], "local", "local"),
    ("mtu", ["--mtu", "1400"], 1400, 1400),
    ("userland-proxy", ["--userland-proxy=false"], False, False),
    ("userland-proxy-path", ["--userland-proxy-path", "/u"], "/u", "/u"),
    ("network-control-plane-mtu", ["--network-control-plane-mtu", "1"], 1, 1),
    ("network-diagnostic-port", ["--network-diagnostic-port", "1"], 1, 1),
    ("swarm-default-advertise-addr", ["--swarm-default-advertise-addr", "x"], "x", "x"),
]  # fmt: skip


def test_table_covers_every_key_that_has_a_flag() -> None:
    assert {form[0] for form in FORMS} | set(FILE_ONLY) == KEYS.keys()
    assert {option.key.split(".")[0] for option in OPTIONS if option.key} == {f[0] for f in FORMS}


@pytest.mark.parametrize(
    ("key", "flags", "value", "expected"), FORMS, ids=[form[0] for form in FORMS]
)
def test_flag_and_file_agree(key: str, flags: list[str], value: Any, expected: Any) -> None:
    if key in REFUSED:
        with pytest.raises(ConfigError, match=f"{key} is not supported"):
            from_flags(*flags)
        assert text_of({key: value}).startswith(f"{CHECKED}{key} is not supported: ")
        return
    by_flag, by_file = from_flags(*flags), from_file({key: value})
    assert by_flag.settings == by_file.settings
    assert getattr(by_file.settings, KEYS[key]) == expected
    assert (by_flag.origins[key], by_file.origins[key]) == (Origin.FLAG, Origin.FILE)


@pytest.mark.parametrize(
    ("key", "flags", "value", "expected"), FORMS, ids=[form[0] for form in FORMS]
)
def test_key_in_both_is_refused(key: str, flags: list[str], value: Any, expected: Any) -> None:
    if key == "runtimes":
        return
    assert text_of({key: value}, *flags).startswith(
        PREFIX
        + "the following directives are specified both as a flag and in the configuration file: "
        + ("http-proxy" if key == "proxies" else key)
        + ": (from flag: "
    )


def test_keys_without_a_flag_are_read() -> None:
    gc = {"enabled": True, "policy": [{"All": True, "keepStorage": "10GB"}]}
    loaded = from_file({
        "builder": {"gc": gc}, "min-api-version": "1.24", "resolv-conf": "/r",
        "swarm-raft-heartbeat-tick": 1, "swarm-raft-election-tick": 2,
    })  # fmt: skip
    assert loaded.settings.builder.gc.policy[0].keep_storage == "10GB"
    assert loaded.settings.builder.gc.policy[0].all


def test_nothing_said_gives_the_defaults() -> None:
    loaded = load(parse([]), reader(""))
    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {Origin.DEFAULT}
    assert loaded.settings.pid_path == "/run/trimaran/trimaran.pid"
    assert loaded.settings.socket_path == "/run/trimaran/docker.sock"


def test_conflict_text_is_dockerds() -> None:
    data = {"debug": True, "mtu": 1400, "labels": ["a=b"]}
    assert text_of(data, "-D", "--mtu", "1500", "--label", "a=c") == (
        PREFIX + "the following directives are specified both as a flag and in the configuration "
        "file: debug: (from flag: true, from file: true), labels: (from flag: [a=c], from file: "
        "[a=b]), mtu: (from flag: 1500, from file: 1400)"
    )


def test_one_proxy_by_flag_and_another_in_the_file_is_no_conflict() -> None:
    loaded = from_file({"proxies": {"http-proxy": "a"}}, "--no-proxy", "b")
    assert loaded.settings.proxies == Proxies("a", "", "b")
    assert loaded.origins["proxies.http-proxy"] is Origin.FILE
    assert loaded.origins["proxies.no-proxy"] is Origin.FLAG


def test_runtimes_of_flag_and_file_are_joined() -> None:
    loaded = from_file({"runtimes": {"a": {"path": "/a"}}}, "--add-runtime", "b=/b")
    assert set(loaded.settings.runtimes) == {"a", "b"}


def test_host_gateway_ip_of_older_daemons_is_understood() -> None:
    assert from_file({"host-gateway-ip": "1.2.3.4"}).settings.host_gateway_ips == ("1.2.3.4",)


def test_mirrors_may_be_given_for_each_registry() -> None:
    mirrors = {"docker.io": ["https://m"], "*": ["http://n/"]}
    loaded = from_file({"registry-mirrors": mirrors})
    assert loaded.settings.registry_mirrors == {"docker.io": ("https://m/",), "*": ("http://n/",)}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"nope": 1, "x": 2}, "the following directives don't match any configuration option: nope, x"),
        ({"Debug": True}, "the following directives don't match any configuration option: Debug"),
        ({"builder": {"gc": {"x": 1}}}, "the following directives don't match any configuration option: builder.gc.x"),
        ({"runtimes": {"a": {"path": "/a", "argz": []}}}, "the following directives don't match any configuration option: runtimes.a.argz"),
        ({"graph": "/x"}, 'graph is not supported: use "data-root"'),
        ({"cluster-store": "x"}, 'cluster-store is not supported: classic Swarm is gone; use "docker swarm init"'),
        ({"mtu": "x"}, "mtu: expected int, got str"),
        ({"debug": 1}, "debug: expected bool, got int"),
        ({"labels": [1]}, "labels[...]: expected str, got int"),
        ({"hosts": "x"}, "hosts: expected array, got str"),
        ({"log-opts": {"max-file": 3}}, "log-opts[...]: expected str, got int"),
        ({"publish-policy": "x"}, "publish-policy: invalid enum value 'x'"),
        ({"builder": []}, "builder: expected object, got array"),
        ({"default-address-pools": [{"base": "10.0.0.0/8"}]}, "default-address-pools[0]: object missing required field size"),
        ("[]", "invalid JSON: expected an object, got list"),
        ("{", "invalid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ],
)  # fmt: skip
def test_file_that_cannot_be_used_is_refused_with_its_name(data: object, text: str) -> None:
    got = text_of(data)
    assert got.replace("[0]", "[...]") == PREFIX + text.replace("[0]", "[...]")


def test_empty_file_and_nulls_are_defaults() -> None:
    assert from_file("").settings == from_file(" \n").settings == Settings()
    assert from_file("\ufeff{}").settings == from_file({"mtu": None}).settings == Settings()


def test_missing_file_is_fine_unless_it_was_asked_for() -> None:
    def missing(path: str) -> bytes:
        raise FileNotFoundError(2, "No such file or directory")

    assert load(parse([]), missing).settings == Settings()
    with pytest.raises(ConfigError) as caught:
        load(parse(["--config-file=/f"]), missing)
    assert str(caught.value) == PREFIX + "open /f: no such file or directory"


def test_unreadable_file_is_refused_even_at_the_default_place() -> None:
    def unreadable(path: str) -> bytes:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(ConfigError, match=r"open /etc/trimaran/daemon.json: permission denied"):
        load(parse([]), unreadable)


def test_wrong_value_is_told_by_where_it_came_from() -> None:
    assert (
        text_of({"default-runtime": "x"})
        == CHECKED + "specified default runtime 'x' does not exist"
    )
    assert text_of({}, "--default-runtime=x") == "specified default runtime 'x' does not exist"
    assert text_of({"dns": ["foo"]}) == CHECKED + "foo is not an ip address"


def test_labels_are_kept_once_and_conflict_otherwise() -> None:
    assert from_flags("--label=a=b", "--label=a=b").settings.labels == ("a=b",)
    assert text_of({}, "--label=a=b", "--label=a=c") == "conflict labels for a=c and a=b"
