from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from engine.domain.containers.sysinfo import SysInfo
from engine.domain.containers.validation import (
    Checked,
    check_create,
    check_restart,
    parse_link,
    validate_create,
)
from engine.errors import InvalidParameter
from engine.models.containers import (
    ContainerConfig,
    HealthcheckConfig,
    HostConfig,
    RestartPolicy,
    Ulimit,
)
from engine.models.networks import (
    EndpointIPAMConfig,
    EndpointSettings,
    NetworkingConfig,
    PortBinding,
)

INFO = SysInfo(ncpu=2, cpus="0-1")
REMAPPED = replace(INFO, userns_remap=True)
H = HostConfig
RETRY = "maximum retry count cannot be used with restart policy"


def check(
    config: dict[str, Any] | None = None,
    host: HostConfig | None = None,
    networking: NetworkingConfig | None = None,
    *,
    api_version: tuple[int, int] = (1, 51),
    info: SysInfo = INFO,
) -> Checked:
    return check_create(
        ContainerConfig(**{"image": "busybox", **(config or {})}),
        host or HostConfig(),
        networking,
        api_version=api_version,
        info=info,
    )


def refusal(*args: Any, **kwargs: Any) -> str:
    with pytest.raises(InvalidParameter) as caught:
        check(*args, **kwargs)
    return str(caught.value)


def health(**members: int) -> dict[str, Any]:
    return {"healthcheck": HealthcheckConfig(**members)}


# Asked of dockerd 20.10; StartInterval is of later ones.
@pytest.mark.parametrize(
    ("config", "text"),
    [
        (
            {"working_dir": "rel"},
            "the working directory 'rel' is invalid, it needs to be an absolute path",
        ),
        ({"env": [""]}, "invalid environment variable: "),
        ({"env": ["=x"]}, "invalid environment variable: =x"),
        ({"stop_signal": "SIGFOO"}, "Invalid signal: SIGFOO"),
        (health(interval=1), "Interval in Healthcheck cannot be less than 1ms"),
        (health(interval=-1), "Interval in Healthcheck cannot be less than 1ms"),
        (health(timeout=1), "Timeout in Healthcheck cannot be less than 1ms"),
        (health(start_period=1), "StartPeriod in Healthcheck cannot be less than 1ms"),
        (health(start_interval=1), "StartInterval in Healthcheck cannot be less than 1ms"),
        (health(retries=-1), "Retries in Healthcheck cannot be negative"),
    ],
)
def test_config_refusals_are_dockerds(config: dict[str, Any], text: str) -> None:
    assert refusal(config) == text


@pytest.mark.parametrize(
    ("host", "text"),
    [
        (H(shm_size=-1), "SHM size can not be less than 0"),
        (H(oom_score_adj=1001), "Invalid value 1001, range for oom score adj is [-1000, 1000]"),
        (H(cap_add=["foo"]), 'invalid CapAdd: unknown capability: "CAP_FOO"'),
        (H(cap_drop=["foo"]), 'invalid CapDrop: unknown capability: "CAP_FOO"'),
        (H(runtime="nope"), "Unknown runtime specified nope"),
        (H(tmpfs={"x": ""}), "invalid mount path: 'x' mount path must be absolute"),
        (H(tmpfs={"/": ""}), "invalid specification: destination can't be '/'"),
        (H(extra_hosts=["a"]), 'bad format for add-host: "a"'),
        (H(extra_hosts=[":1.2.3.4"]), 'bad format for add-host: ":1.2.3.4"'),
        (H(extra_hosts=["a:b"]), 'invalid IP address in add-host: "b"'),
        (H(links=["a:b:c"]), "bad format for links: a:b:c"),
        (H(volumes_from=["nope:x"]), "invalid mode: x"),
        (H(security_opt=["foo"]), 'invalid --security-opt 1: "foo"'),
        (H(binds=["/s:/y", "/t:/y"]), "Duplicate mount point: /y"),
        (
            H(port_bindings={"80/tcp": [PortBinding(host_port="x")]}),
            'invalid port specification: "x"',
        ),
        (H(ulimits=[Ulimit(name="xx", soft=1, hard=1)]), "invalid ulimit type: xx"),
        (
            H(ulimits=[Ulimit(name="nofile", soft=5, hard=1)]),
            "ulimit soft limit must be less than or equal to hard limit: 5 > 1",
        ),
    ],
)
def test_host_refusals_are_dockerds(host: HostConfig, text: str) -> None:
    assert refusal(host=host) == text


def test_unreadable_seccomp_profile_is_refused_at_create() -> None:
    assert refusal(host=H(security_opt=["seccomp={"])).startswith(
        "Decoding seccomp profile failed: "
    )


@pytest.mark.parametrize(
    ("policy", "auto_remove", "text"),
    [
        (RestartPolicy(name="x"), False, "invalid restart policy 'x'"),
        (RestartPolicy(name="always", maximum_retry_count=2), False, f"{RETRY} 'always'"),
        (RestartPolicy(name="no", maximum_retry_count=2), False, f"{RETRY} 'no'"),
        (
            RestartPolicy(name="on-failure", maximum_retry_count=-2),
            False,
            "maximum retry count cannot be negative",
        ),
        (
            RestartPolicy(name="always"),
            True,
            "can't create 'AutoRemove' container with restart policy",
        ),
    ],
)
def test_restart_refusals_are_dockerds(policy: RestartPolicy, auto_remove: bool, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_restart(policy, auto_remove=auto_remove)
    assert str(caught.value) == text


def test_fitting_policies_pass() -> None:
    check_restart(RestartPolicy(name="no"), auto_remove=True)
    check_restart(RestartPolicy(name="on-failure", maximum_retry_count=3), auto_remove=False)


@pytest.mark.parametrize(
    ("host", "text"),
    [
        (H(privileged=True), "privileged mode is incompatible with user namespaces.  You must"),
        (H(network_mode="host"), "cannot share the host's network namespace when user"),
        (H(pid_mode="host"), "cannot share the host PID namespace when user namespaces"),
    ],
)
def test_user_namespaces_exclude_the_hosts(host: HostConfig, text: str) -> None:
    assert refusal(host=host, info=REMAPPED).startswith(text)
    check(host=H(privileged=True, userns_mode="host"), info=REMAPPED)


def test_empty_request_is_refused() -> None:
    with pytest.raises(InvalidParameter) as caught:
        validate_create(ContainerConfig(), H(), None, api_version=(1, 51), info=INFO)
    assert str(caught.value) == "Config cannot be empty in order to create a container"


def test_systemd_wants_a_slice() -> None:
    assert "should be a valid slice" in refusal(
        host=H(cgroup_parent="/a"), info=replace(INFO, systemd_cgroup=True)
    )


def networks(**endpoints: EndpointSettings | None) -> NetworkingConfig:
    return NetworkingConfig(endpoints_config=endpoints)


def test_two_networks_at_once_are_for_new_clients() -> None:
    two = networks(b=EndpointSettings(), a=EndpointSettings())
    assert check(networking=two).warnings == []
    assert refusal(networking=two, api_version=(1, 43)) == (
        "Container cannot be connected to network endpoints: a, b"
    )


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (EndpointIPAMConfig(ipv4_address="x"), "invalid IPv4 address: x"),
        (EndpointIPAMConfig(ipv6_address="1.2.3.4"), "invalid IPv6 address: 1.2.3.4"),
        (EndpointIPAMConfig(link_local_ips=["x"]), "invalid link-local IP address: x"),
    ],
)
def test_bad_addresses_are_refused(wanted: EndpointIPAMConfig, text: str) -> None:
    assert refusal(networking=networks(a=EndpointSettings(ipam_config=wanted))) == text


def test_endpoint_without_settings_is_refused() -> None:
    assert refusal(networking=networks(bridge=None)) == "no EndpointSettings for bridge"


@pytest.mark.parametrize(
    "extra", ["a:1.2.3.4", "a:host-gateway", "a:::1", "a:[::1]", "a=::1", "a=1.2.3.4"]
)
def test_good_extra_hosts_pass(extra: str) -> None:
    assert check(host=H(extra_hosts=[extra])).warnings == []


def test_warnings_name_what_is_lost() -> None:
    host = H(
        network_mode="host",
        port_bindings={"80/tcp": []},
        cap_add=["SYS_RESOURCE"],
        cpu_percent=5,
    )
    held = INFO.held_capabilities - {"CAP_SYS_RESOURCE"}
    assert check(host=host, info=replace(INFO, held_capabilities=held)).warnings == [
        "linux does not support CPU percent. Percent discarded.",
        "Published ports are discarded when using host network mode",
        "The daemon does not hold the capability CAP_SYS_RESOURCE. Capability discarded.",
    ]
    assert check(info=replace(INFO, ipv4_forwarding=False)).warnings == [
        "IPv4 forwarding is disabled. Networking will not work."
    ]


def test_defaults_are_those_that_inspect_shows() -> None:
    host = check(host=H(memory=64 << 20)).host
    assert (host.network_mode, host.ipc_mode, host.cgroupns_mode) == ("default", "private", "host")
    assert (host.shm_size, host.memory_swap, host.runtime) == (64 << 20, 128 << 20, "runc")
    assert host.oom_kill_disable is False
    assert host.masked_paths is not None
    assert "/proc/kcore" in host.masked_paths


def test_privileged_container_keeps_its_paths_open() -> None:
    host = check(host=H(privileged=True)).host
    assert (host.masked_paths, host.readonly_paths) == (None, None)
    v2 = replace(INFO, cgroup_v2=True, default_cgroupns_mode="private")
    assert check(host=H(privileged=True), info=v2).host.cgroupns_mode == "private"


@pytest.mark.parametrize(
    ("link", "pair"),
    [("a:b", ("a", "b")), ("a", ("a", "a")), ("/foo:/c1/bar", ("foo", "bar"))],
)
def test_links_are_name_and_alias(link: str, pair: tuple[str, str]) -> None:
    assert parse_link(link) == pair
