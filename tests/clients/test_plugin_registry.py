"""The unmodified docker CLI with managed plugins from and to a real registry: push, install, upgrade, refusals, a kill."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import json
import os
import shutil
import socket
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.harness.daemon import Daemon
from tests.harness.faulty_registry import FaultyRegistry
from tests.harness.managed import CONFIG, plugin_context, until_nothing_is_stored
from tests.harness.plugins import plugin_daemon
from tests.harness.registry import PASSWORD, USER, Registry, need

pytestmark = [pytest.mark.client, pytest.mark.integration]

GRANTED = [
    {"Name": "capabilities", "Description": "", "Value": ["CAP_SYS_ADMIN"]},
    {"Name": "network", "Value": ["none"]},
]
KIND = "application/vnd.docker.plugin.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
GRANT = "--grant-all-permissions"


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    if os.geteuid() != 0:
        pytest.skip("needs root, containerd and runc")
    need("docker", "docker-registry")
    with plugin_daemon() as found:
        found.load_busybox()
        yield found


@pytest.fixture(scope="module")
def registry(daemon: Daemon) -> Iterator[Registry]:
    with Registry(daemon) as found:
        yield found


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plugin_context(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def later(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The next version: other defaults, one variable more, a file more."""
    place = tmp_path_factory.mktemp("second")
    shutil.copytree(context / "rootfs", place / "rootfs")
    (place / "rootfs/news").write_text("news")
    env = [*CONFIG["env"], {"name": "NEW", "settable": ["value"], "value": "new"}]
    env[0] = {**env[0], "value": "other"}
    (place / "config.json").write_text(json.dumps({**CONFIG, "env": env}))
    return place


@pytest.fixture(scope="module")
def mini(daemon: Daemon, registry: Registry, context: Path) -> str:
    """A plugin that the registry has."""
    return publish(daemon, f"{registry.host}/me/mini:1", context)


def publish(daemon: Daemon, name: str, context: Path) -> str:
    daemon.docker("plugin", "create", name, str(context), check=True)
    daemon.docker("plugin", "push", name, check=True, timeout=60)
    daemon.docker("plugin", "rm", name, check=True)
    return name


def refusal(daemon: Daemon, *arguments: str) -> str:
    done = daemon.docker("plugin", *arguments, timeout=60)
    assert done.returncode != 0, done.stdout.decode()
    return done.stderr.decode().strip()


def inspect(daemon: Daemon, name: str) -> dict[str, Any]:
    (found,) = json.loads(daemon.docker("plugin", "inspect", name, check=True).stdout)
    return dict(found)


def pull(daemon: Daemon, query: str, granted: Any = GRANTED) -> tuple[int, list[dict[str, Any]]]:
    status, body = daemon.request("POST", f"/plugins/{query}", json.dumps(granted).encode())
    return status, [json.loads(line) for line in body.splitlines()]


def names(daemon: Daemon) -> list[str]:
    listed = daemon.docker("plugin", "ls", "--format", "{{.Name}}", check=True)
    return listed.stdout.decode().split()


def test_pushed_plugin_is_installed_used_and_pushed_again(
    daemon: Daemon, registry: Registry, mini: str
) -> None:
    refused = refusal(daemon, "install", mini)
    assert refused.endswith(f"permission denied while installing plugin {mini}")
    asked = daemon.json("GET", f"/plugins/privileges?remote={mini}")
    assert [(each["Name"], each["Value"]) for each in asked] == [
        ("network", ["none"]),
        ("capabilities", ["CAP_SYS_ADMIN"]),
    ]
    done = daemon.docker(
        "plugin", "install", GRANT, "--alias", "al", mini, "FLAVOUR=vanilla", check=True, timeout=60
    )
    lines = done.stdout.decode().splitlines()
    assert lines[0] == f"1: Pulling from {registry.host}/me/mini"
    assert lines[1].startswith("Digest: sha256:")
    assert lines[-2].endswith(": Complete")
    assert lines[-1] == f"Installed plugin {mini}"
    found = inspect(daemon, "al")
    assert (found["Name"], found["PluginReference"]) == ("al:latest", mini)
    assert (found["Enabled"], found["Settings"]["Env"]) == (True, ["FLAVOUR=vanilla"])
    assert "al:latest already exists" in refusal(daemon, "install", GRANT, "--alias", "al", mini)

    daemon.docker("volume", "create", "-d", "al", "kept", check=True)
    run = ("run", "--rm", "--net", "none", "-v", "kept:/v", "busybox")
    daemon.docker(*run, "sh", "-c", "echo something > /v/file", check=True)
    assert daemon.docker(*run, "cat", "/v/file", check=True).stdout == b"something\n"
    assert "plugin al:latest is in use" in refusal(daemon, "disable", "al")
    daemon.docker("volume", "rm", "kept", check=True)

    done = daemon.docker("plugin", "install", GRANT, "--disable", mini, check=True, timeout=60)
    assert "Already exists" in done.stdout.decode()
    assert not inspect(daemon, mini)["Enabled"]
    pushed = daemon.docker("plugin", "push", mini, check=True, timeout=60).stdout.decode()
    assert pushed.startswith(f"The push refers to repository [{registry.host}/me/mini]\n")
    assert lines[1].removeprefix("Digest: ") in pushed
    daemon.docker("plugin", "rm", mini, check=True)
    assert inspect(daemon, "al")["Enabled"]
    daemon.docker("plugin", "rm", "-f", "al", check=True)
    until_nothing_is_stored(daemon)


def test_upgrade_keeps_what_was_set(
    daemon: Daemon, registry: Registry, mini: str, later: Path
) -> None:
    newer = publish(daemon, f"{registry.host}/me/mini:2", later)
    daemon.docker("plugin", "install", GRANT, mini, "FLAVOUR=vanilla", check=True, timeout=60)
    before = inspect(daemon, mini)
    upgrade = ("upgrade", GRANT, "--skip-remote-check", mini, newer)
    assert refusal(daemon, *upgrade) == "the plugin must be disabled before upgrading"
    status, told = pull(daemon, f"{mini}/upgrade?remote={newer}")
    assert (status, told[0]["message"]) == (
        409,
        f"plugin must be disabled before upgrading: plugin {mini} is enabled",
    )
    daemon.docker("plugin", "disable", mini, check=True)
    done = daemon.docker("plugin", *upgrade, check=True, timeout=60)
    assert f"Upgraded plugin {mini} to {newer}" in done.stdout.decode()
    now = inspect(daemon, mini)
    assert (now["Id"], now["Name"], now["PluginReference"]) == (before["Id"], mini, newer)
    assert now["Settings"]["Env"] == ["FLAVOUR=vanilla", "NEW=new"]
    daemon.docker("plugin", "enable", mini, check=True)
    assert (daemon.root / "data/plugins" / now["Id"] / "rootfs/news").read_text() == "news"
    daemon.docker("plugin", "rm", "-f", mini, check=True)
    until_nothing_is_stored(daemon)
    status, told = pull(daemon, f"{mini}/upgrade?remote={newer}")
    assert (status, told[0]["message"]) == (404, f'plugin "{mini}" not found')


def test_docker_py_installs_and_upgrades(daemon: Daemon, mini: str) -> None:
    client = docker.DockerClient(base_url=daemon.host, timeout=60)
    try:
        plugin = client.plugins.install(mini, "py")
        assert (plugin.name, plugin.enabled) == ("py:latest", False)
        plugin.configure({"FLAVOUR": "py"})
        assert "Complete" in [each.get("status") for each in plugin.upgrade(mini)]
        plugin.reload()
        assert plugin.settings["Env"] == ["FLAVOUR=py"]
        plugin.enable()
        plugin.disable()
        plugin.remove()
        assert client.plugins.list() == []
    finally:
        client.close()


def test_client_that_leaves_ends_the_installation(daemon: Daemon, other: FaultyRegistry) -> None:
    layer = archive(48 << 20)
    other.publish("left", config_of(layer), [layer], LAYER, config_type=KIND)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(daemon.host.removeprefix("unix://"))
        body = json.dumps(GRANTED)
        head = (
            f"POST /plugins/pull?remote={other.host}/image:left&name=left HTTP/1.1\r\nHost: d\r\n"
        )
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        assert b"200" in client.recv(4096)
    until_nothing_is_stored(daemon)
    assert names(daemon) == []


def test_refusals(daemon: Daemon, registry: Registry, mini: str) -> None:
    status, told = pull(daemon, f"pull?remote={mini}", GRANTED[:1])
    assert (status, told[-1]["error"]) == (200, "incorrect privileges")
    status, told = pull(daemon, f"pull?remote={mini}", None)
    assert (status, told[-1]["error"]) == (200, "incorrect privileges")
    status, body = daemon.request("POST", f"/plugins/pull?remote={mini}", b'{"a')
    assert (status, b"failed to parse privileges: " in body) == (400, True)
    none = f"{registry.host}/me/none:1"
    text = f"error resolving plugin reference: manifest for {none} not found: manifest unknown"
    assert text in refusal(daemon, "install", GRANT, none)
    assert "must be lowercase" in refusal(daemon, "install", GRANT, f"{registry.host}/UPPER")
    assert "connection refused" in refusal(daemon, "install", GRANT, "127.0.0.1:5999/x")
    image = f"{registry.host}/image:1"
    daemon.docker("tag", "busybox", image, check=True)
    daemon.docker("push", image, check=True, timeout=60)
    text = f"did not find plugin config for specified reference {image}"
    assert text in refusal(daemon, "install", GRANT, image)
    done = daemon.docker("pull", mini, timeout=60)
    text = f'Encountered remote "{KIND}"(plugin) when fetching'
    assert text in done.stderr.decode()
    assert f'plugin "{none}" not found' in refusal(daemon, "push", none)
    refused = refusal(daemon, "install", GRANT, mini, "NOPE=1")
    assert 'setting "NOPE" not found in the plugin configuration' in refused
    daemon.docker("plugin", "rm", mini, check=True)
    until_nothing_is_stored(daemon)


def test_password_is_asked_for(daemon: Daemon, context: Path) -> None:
    with Registry(daemon, port=5001, password=True) as registry:
        name = f"{registry.host}/secret:1"
        daemon.docker("plugin", "create", name, str(context), check=True)
        assert refusal(daemon, "push", name).endswith("no basic auth credentials")
        daemon.docker("login", "-u", USER, "-p", PASSWORD, registry.host, check=True, timeout=30)
        daemon.docker("plugin", "push", name, check=True, timeout=60)
        daemon.docker("plugin", "rm", name, check=True)
        daemon.docker("plugin", "install", GRANT, "--disable", name, check=True, timeout=60)
        daemon.docker("plugin", "rm", name, check=True)
        daemon.docker("logout", registry.host, check=True, timeout=30)
        assert "no basic auth credentials" in refusal(daemon, "install", GRANT, name)


def archive(size: int = 0) -> bytes:
    """A root file system with the given amount of noise."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        entry = tarfile.TarInfo("noise")
        entry.size = size
        tar.addfile(entry, io.BytesIO(os.urandom(size)))
    return made.getvalue()


def config_of(layer: bytes, **more: Any) -> bytes:
    diff_id = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    found = {**CONFIG, "rootfs": {"type": "layers", "diff_ids": [diff_id]}, **more}
    return json.dumps(found).encode()


@pytest.fixture(scope="module")
def other(daemon: Daemon) -> Iterator[FaultyRegistry]:
    need("docker-registry")
    with FaultyRegistry(daemon) as found:
        yield found


def test_layer_as_dockerd_has_it_is_taken_and_a_false_one_refused(
    daemon: Daemon, other: FaultyRegistry
) -> None:
    layer = archive(1000)
    packed = gzip.compress(layer)

    def publish(tag: str, config: bytes, *layers: bytes) -> None:
        other.publish(tag, config, list(layers), LAYER, config_type=KIND)

    publish("plain", config_of(layer), layer)
    publish("dockerds", config_of(packed), packed)  # it takes the blob's digest for the diff ID
    publish("false", config_of(archive(10)), packed)
    publish("odd", config_of(layer, env=5, mounts=[7]), layer)
    publish("two", config_of(layer), layer, archive(1))
    for tag in ("plain", "dockerds"):
        status, told = pull(daemon, f"pull?remote={other.host}/image:{tag}&name={tag}")
        assert (status, told[-1].get("status")) == (200, "Complete"), told
        daemon.docker("plugin", "rm", tag, check=True)
    for tag, text in (
        ("false", "invalid diffID"),
        ("odd", "invalid plugin config"),
        ("two", "has 2 layers"),
    ):
        _, told = pull(daemon, f"pull?remote={other.host}/image:{tag}&name=x")
        assert text in json.dumps(told[-1]), told
    assert names(daemon) == []
    until_nothing_is_stored(daemon)


def leave_a_blob(daemon: Daemon) -> None:
    """As of an installation that was killed after it had kept its content and before it had a record."""
    engine = json.loads((daemon.root / "data/engine.json").read_text())["engine_id"]
    socket = daemon.root / "exec/containerd/containerd.sock"
    ctr = ("ctr", "-a", str(socket), "-n", "plugins.trimaran")
    digest = f"sha256:{hashlib.sha256(b'left').hexdigest()}"
    daemon.inside(*ctr, "content", "ingest", "--expected-digest", digest, "left", input="left")
    labels = (f"io.trimaran.engine={engine}", f"containerd.io/gc.root={engine}")
    daemon.inside(*ctr, "content", "label", digest, *labels, capture_output=True)
    daemon.inside(*ctr, "snapshots", "prepare", "plugin-left")
    daemon.inside(*ctr, "snapshots", "label", "plugin-left", *labels)


def test_killed_daemon_leaves_nothing_of_a_pull(daemon: Daemon, other: FaultyRegistry) -> None:
    layer = archive(48 << 20)
    other.publish("big", config_of(layer), [layer], LAYER, config_type=KIND)

    def until_it_breaks() -> None:
        try:
            pull(daemon, f"pull?remote={other.host}/image:big&name=big")
        except (OSError, http.client.HTTPException, ValueError):
            return

    client = threading.Thread(target=until_it_breaks)
    client.start()
    deadline = time.monotonic() + 20
    ingest = daemon.root / "data/containerd"
    while not any(each.stat().st_size > 2 << 20 for each in ingest.glob("**/ingest/*/data")):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    daemon.kill()
    client.join(20)
    orphan = daemon.root / "data/plugins" / (64 * "a")
    orphan.mkdir(parents=True)
    leave_a_blob(daemon)
    daemon.start()
    assert (names(daemon), orphan.exists()) == ([], False)
    until_nothing_is_stored(daemon)
    owners = daemon.json("GET", "/_trimaran/storage")["owners"]
    assert owners["unowned"]["bytes"] == owners["foreign"]["bytes"] == 0
    assert owners["plugins"]["bytes"] <= 4096, "nothing but an empty directory"
    status, told = pull(daemon, f"pull?remote={other.host}/image:big&name=big")
    assert (status, told[-1]["status"]) == (200, "Complete")
    assert any("bytes=" in each for each in other.requests())
    daemon.docker("plugin", "rm", "big", check=True)
    until_nothing_is_stored(daemon)
