from __future__ import annotations

import socket
from pathlib import Path

import msgspec
import pytest

from engine.domain.system.facade import Identity, System, open_files
from engine.domain.system.facts import Facts
from engine.models.system import RegistryConfig
from tests.fakes.host import FACTS

IDENTITY = Identity(
    engine_id="e1",
    version="9.8",
    commit="abc",
    build_time="then",
    api_version="1.51",
    min_api_version="1.24",
    data_root=Path("/data"),
    snapshotter="overlayfs",
    cgroup_driver="cgroupfs",
    log_driver="json-file",
    default_runtime="runc",
    runtimes={"runc": "", "crun": "/usr/bin/crun"},
    labels=["a=b"],
    live_restore=True,
    debug=False,
    init_binary="tini",
    containerd_address="/c.sock",
    namespace="moby",
    plugin_namespace="plugins.moby",
    registry_config=RegistryConfig(),
    http_proxy="",
    https_proxy="",
    no_proxy="",
)


class Census:
    def counts(self) -> tuple[int, int, int]:
        return 3, 1, 2


def system(facts: Facts = FACTS, *, away: bool = False) -> System:
    async def containerd() -> tuple[str, str]:
        return ("", "") if away else ("1.6.20", "c0ffee")

    async def runc() -> tuple[str, str]:
        return "1.1.5", "f00d"

    return System(
        IDENTITY,
        facts,
        census=Census(),
        images=lambda: 7,
        listeners=lambda: 4,
        containerd=containerd,
        runc=runc,
    )


async def test_version_names_the_engine_and_what_it_stands_on() -> None:
    found = await system().version()
    assert (found.version, found.api_version, found.min_api_version) == ("9.8", "1.51", "1.24")
    assert (found.os, found.arch, found.kernel_version) == ("linux", "amd64", "6.1.0-test")
    assert [(each.name, each.version) for each in found.components] == [
        ("Engine", "9.8"),
        ("containerd", "1.6.20"),
        ("runc", "1.1.5"),
    ]
    assert found.components[0].details["ApiVersion"] == "1.51"


async def test_info_counts_what_there_is() -> None:
    found = await system().info()
    counted = found.containers_running, found.containers_paused, found.containers_stopped
    assert (found.containers, counted) == (6, (3, 1, 2))
    assert (found.images, found.n_events_listener) == (7, 4)
    assert found.n_fd > 3


async def test_info_tells_of_the_machine_and_the_settings() -> None:
    found = await system().info()
    assert (found.id, found.name, found.docker_root_dir) == ("e1", socket.gethostname(), "/data")
    assert (found.architecture, found.n_cpu, found.mem_total) == ("x86_64", 4, 8 << 30)
    assert (found.driver, found.cgroup_version, found.live_restore_enabled) == (
        "overlayfs",
        "2",
        True,
    )
    assert {name: each.path for name, each in found.runtimes.items()} == {
        "runc": "runc",
        "crun": "/usr/bin/crun",
    }
    assert found.containerd_commit.id == "c0ffee"


async def test_daemon_answers_while_containerd_is_away() -> None:
    assert (await system(away=True).version()).components[1].version == ""
    assert (await system(away=True).info()).containerd_commit.id == ""


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({}, ["name=cgroupns"]),
        ({"seccomp": True}, ["name=seccomp,profile=builtin", "name=cgroupns"]),
        (
            {"seccomp": True, "apparmor": True, "cgroup_v2": False},
            ["name=apparmor", "name=seccomp,profile=builtin"],
        ),
    ],
)
async def test_security_options_are_what_the_kernel_has(
    changes: dict[str, bool], options: list[str]
) -> None:
    facts = msgspec.structs.replace(FACTS, **changes)
    found = await system(facts).info()
    assert found.security_options == options
    assert found.oom_kill_disable is not facts.cgroup_v2


async def test_limits_are_there_when_their_controllers_are() -> None:
    bare = msgspec.structs.replace(FACTS, controllers=frozenset({"memory"}), swap_limit=False)
    found = await system(bare).info()
    assert (found.memory_limit, found.swap_limit, found.cpu_shares, found.pids_limit) == (
        True,
        False,
        False,
        False,
    )


def test_open_files_are_counted(tmp_path: Path) -> None:
    before = open_files()
    with (tmp_path / "x").open("w"):
        assert open_files() == before + 1
