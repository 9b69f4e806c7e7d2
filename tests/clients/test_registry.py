"""docker CLI, docker-py and skopeo against a real registry: what goes in comes out, and refusals are clear."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import json
import os
import shutil
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import docker
import pytest

from tests.fakes.image_archives import config_of, tar_of
from tests.harness.daemon import Daemon
from tests.harness.images import busybox_tar
from tests.harness.registry import PASSWORD, USER, Registry, need

pytestmark = [pytest.mark.client, pytest.mark.integration]

INSECURE, SECURE = "10.97.0.1", "10.98.0.1"
MIRRORS = {"docker.io": ["http://127.0.0.1:5000"], "upstream.test": ["http://127.0.0.1:5000"]}
OCI = "application/vnd.oci.image"


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    if os.geteuid() != 0:
        pytest.skip("needs root, containerd and runc")
    need("docker", "docker-registry")
    found = Daemon(f"--insecure-registry={INSECURE}/24")
    (found.root / "daemon.json").write_text(json.dumps({"registry-mirrors": MIRRORS}))
    with found:
        found.load_busybox()
        yield found


@pytest.fixture(scope="module")
def registry(daemon: Daemon) -> Iterator[Registry]:
    with Registry(daemon) as found:
        yield found


def image_id(daemon: Daemon, name: str) -> str:
    return str(daemon.json("GET", f"/images/{name}/json")["Id"])


def pull(daemon: Daemon, name: str, query: str = "") -> list[dict[str, Any]]:
    status, body = daemon.request("POST", f"/images/create?fromImage={name}{query}")
    assert status == 200, body
    return [json.loads(line) for line in body.splitlines()]


def push_busybox(daemon: Daemon, name: str) -> str:
    """The image's ID; the name is here no more."""
    daemon.docker("tag", "busybox", name, check=True)
    daemon.docker("push", name, check=True, timeout=60)
    id = image_id(daemon, name)
    daemon.docker("rmi", "-f", name, check=True)
    return id


def test_what_is_pushed_comes_back_and_runs(daemon: Daemon, registry: Registry) -> None:
    id = push_busybox(daemon, f"{registry.host}/round:1")
    daemon.docker("pull", f"{registry.host}/round:1", check=True, timeout=60)
    assert image_id(daemon, f"{registry.host}/round:1") == id
    run = daemon.docker(
        "run", "--rm", "--net", "none", f"{registry.host}/round:1", "echo", "it runs", timeout=30
    )
    assert run.stdout == b"it runs\n", run.stderr


def test_pull_tells_its_steps_as_dockerd_does(daemon: Daemon, registry: Registry) -> None:
    name = f"{registry.host}/steps:1"
    layer = tar_of({"steps": os.urandom(1000)})
    daemon.json("POST", f"/images/create?fromSrc=-&repo={registry.host}/steps&tag=1", layer)
    daemon.docker("push", name, check=True, timeout=60)
    daemon.docker("rmi", name, check=True)
    done = daemon.docker("pull", name, check=True, timeout=60)
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "1: Pulling from steps"
    assert [line.partition(": ")[2] for line in lines[1:5]] == [
        "Pulling fs layer",
        "Verifying Checksum",
        "Download complete",
        "Pull complete",
    ]
    assert lines[5].startswith("Digest: sha256:")
    assert lines[6:] == [f"Status: Downloaded newer image for {name}", name]


def test_unknown_image_is_pulled_by_run(daemon: Daemon, registry: Registry) -> None:
    push_busybox(daemon, f"{registry.host}/torun:1")
    done = daemon.docker(
        "run", "--rm", "--net", "none", f"{registry.host}/torun:1", "echo", "pulled", timeout=60
    )
    assert done.stdout == b"pulled\n", done.stderr
    assert b"Status: Downloaded newer image" in done.stderr


def test_missing_tag_and_dead_registry_are_told_in_dockerds_words(
    daemon: Daemon, registry: Registry
) -> None:
    done = daemon.docker("pull", f"{registry.host}/none:1", timeout=60)
    assert done.stderr.decode().strip() == (
        "Error response from daemon: manifest for "
        f"{registry.host}/none:1 not found: manifest unknown: manifest unknown"
    )
    done = daemon.docker("pull", "127.0.0.1:5999/none:1", timeout=60)
    assert done.stderr.decode().strip() == (
        'Error response from daemon: Get "http://127.0.0.1:5999/v2/": '
        "dial tcp 127.0.0.1:5999: connect: connection refused"
    )


def test_docker_py_pushes_pulls_and_asks_the_registry(daemon: Daemon, registry: Registry) -> None:
    client = docker.DockerClient(base_url=daemon.host, timeout=60)
    try:
        name = f"{registry.host}/py"
        client.images.get("busybox").tag(name, "1")
        lines = list(client.images.push(name, "1", stream=True, decode=True))
        assert not [each for each in lines if "error" in each]
        digest = lines[-1]["aux"]["Digest"]
        assert client.images.get_registry_data(f"{name}:1").id == digest
        client.images.remove(f"{name}:1")
        assert f"{name}@{digest}" in client.images.pull(name, "1").attrs["RepoDigests"]
        assert client.images.pull(f"{name}@{digest}").id == image_id(daemon, f"{name}:1")
    finally:
        client.close()


def test_skopeo_reads_what_we_push(daemon: Daemon, registry: Registry, tmp_path: Path) -> None:
    name = f"{registry.host}/skopeo:1"
    daemon.docker("tag", "busybox", name, check=True)
    daemon.docker("push", name, check=True, timeout=60)
    (repo_digest,) = [
        each
        for each in daemon.json("GET", f"/images/{name}/json")["RepoDigests"]
        if "skopeo" in each
    ]
    seen = json.loads(registry.skopeo("inspect", "--tls-verify=false", f"docker://{name}"))
    assert repo_digest.endswith(seen["Digest"])
    registry.skopeo("copy", "--src-tls-verify=false", f"docker://{name}", f"dir:{tmp_path}")
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    assert manifest["config"]["digest"] == image_id(daemon, name)
    assert manifest["layers"][0]["mediaType"] == f"{OCI}.layer.v1.tar+gzip"


@pytest.mark.parametrize(
    ("tag", "options"),
    [
        ("schema2", ["--format", "v2s2"]),
        ("oci", ["--format", "oci"]),
        ("zstd", ["--format", "oci", "--dest-compress-format", "zstd"]),
    ],
)
def test_we_pull_what_skopeo_pushes(
    daemon: Daemon, registry: Registry, tmp_path: Path, tag: str, options: list[str]
) -> None:
    archive = tmp_path / "image.tar"
    archive.write_bytes(daemon.request("GET", "/images/busybox/get")[1])
    name = f"{registry.host}/theirs:{tag}"
    registry.skopeo(
        "copy", *options, "--dest-tls-verify=false", f"docker-archive:{archive}", f"docker://{name}"
    )
    raw = registry.skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{name}")
    messages = pull(daemon, name)
    assert messages[-2]["status"] == f"Digest: sha256:{hashlib.sha256(raw).hexdigest()}"
    assert image_id(daemon, name) == json.loads(raw)["config"]["digest"]
    done = daemon.docker("run", "--rm", "--net", "none", name, "echo", tag, timeout=30)
    assert done.stdout.decode() == f"{tag}\n", done.stderr


def layout(root: Path, layers: dict[str, bytes]) -> None:
    """An OCI layout of an index with an image for each architecture."""

    def blob(data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        (root / "blobs/sha256" / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data), **more}

    (root / "blobs/sha256").mkdir(parents=True)
    (root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    manifests = []
    for architecture, layer in layers.items():
        config = json.loads(config_of([layer], Cmd=["sh"]))
        config["architecture"] = architecture
        manifest = {
            "schemaVersion": 2,
            "config": blob(json.dumps(config).encode(), f"{OCI}.config.v1+json"),
            "layers": [blob(gzip.compress(layer), f"{OCI}.layer.v1.tar+gzip")],
        }
        platform = {"os": "linux", "architecture": architecture}
        manifests.append(blob(json.dumps(manifest).encode(), f"{OCI}.manifest.v1+json", platform=platform))  # fmt: skip
    index = json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()
    entry = blob(index, f"{OCI}.index.v1+json")
    (root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))


def test_of_an_index_each_platform_can_be_pulled_and_lives_through_a_restart(
    daemon: Daemon, registry: Registry, tmp_path: Path
) -> None:
    layout(tmp_path, {"amd64": busybox_tar(), "arm64": tar_of({"arm": b"arm"})})
    name = f"{registry.host}/index"
    registry.skopeo(
        "copy", "--all", "--dest-tls-verify=false", f"oci:{tmp_path}", f"docker://{name}:1"
    )
    pull(daemon, f"{name}:1", "&platform=linux/arm64")
    arm = daemon.json("GET", f"/images/{name}:1/json")
    assert arm["Architecture"] == "arm64"
    daemon.docker("tag", f"{name}:1", "arm:1", check=True)
    messages = pull(daemon, f"{name}:1")
    assert messages[-1]["status"].startswith("Status: Downloaded newer image")
    assert daemon.json("GET", f"/images/{name}:1/json")["Architecture"] == "amd64"
    daemon.stop()
    daemon.start()
    assert image_id(daemon, "arm:1") == arm["Id"]
    seen = daemon.json("GET", f"/distribution/{name}:1/json")
    assert [each["architecture"] for each in seen["Platforms"]] == ["amd64", "arm64"]
    done = daemon.docker("run", "--rm", "--net", "none", f"{name}:1", "echo", "amd", timeout=30)
    assert done.stdout == b"amd\n", done.stderr


def test_index_that_was_loaded_whole_is_pushed_whole(
    daemon: Daemon, registry: Registry, tmp_path: Path
) -> None:
    layout(tmp_path / "in", {"amd64": busybox_tar(), "arm64": tar_of({"arm": b"other"})})
    entry = json.loads((tmp_path / "in/index.json").read_bytes())["manifests"][0]
    name = f"{registry.host}/whole:1"
    entry["annotations"] = {"io.containerd.image.name": name}
    (tmp_path / "in/index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(tmp_path / "in", arcname=".")
    daemon.json("POST", "/images/load?quiet=1", archive.getvalue())
    daemon.docker("push", name, check=True, timeout=60)
    raw = registry.skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{name}")
    assert f"sha256:{hashlib.sha256(raw).hexdigest()}" == entry["digest"]
    copied = tmp_path / "out"
    registry.skopeo("copy", "--all", "--src-tls-verify=false", f"docker://{name}", f"oci:{copied}")
    pushed = {each.name for each in (copied / "blobs/sha256").iterdir()}
    assert {each.name for each in (tmp_path / "in/blobs/sha256").iterdir()} <= pushed
    arm = json.dumps({"os": "linux", "architecture": "arm64"})
    status, body = daemon.request(
        "POST",
        f"/images/{registry.host}/whole/push?tag=1&platform={quote(arm)}",
        headers={"X-Registry-Auth": "e30="},
    )
    assert status == 200, body
    assert b'"error"' not in body
    raw = registry.skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{name}")
    assert hashlib.sha256(raw).hexdigest() in pushed
    assert json.loads(raw)["layers"][0]["mediaType"] == f"{OCI}.layer.v1.tar+gzip"


def test_mirrors_serve_docker_hub_and_other_registries(daemon: Daemon, registry: Registry) -> None:
    push_busybox(daemon, f"{registry.host}/library/hubbox:1")
    done = daemon.docker("pull", "hubbox:1", check=True, timeout=60)
    assert b"docker.io/library/hubbox:1" in done.stdout
    assert b"Mirror: http://127.0.0.1:5000" in done.stdout
    daemon.docker("pull", "upstream.test/library/hubbox:1", check=True, timeout=60)
    assert "ns=upstream.test" in registry.requests()
    info = daemon.json("GET", "/info")["RegistryConfig"]
    assert info["Mirrors"] == ["http://127.0.0.1:5000/"]
    assert f"{INSECURE.rpartition('.')[0]}.1/24" in info["InsecureRegistryCIDRs"]


def test_login_push_and_pull_with_a_password(daemon: Daemon) -> None:
    with Registry(daemon, port=5001, password=True) as registry:
        name = f"{registry.host}/secret:1"
        daemon.docker("tag", "busybox", name, check=True)
        wrong = daemon.docker("login", "-u", USER, "-p", "wrong", registry.host, timeout=30)
        assert (
            f"login attempt to http://{registry.host}/v2/ failed with status: 401 Unauthorized"
            in wrong.stderr.decode()
        )
        refused = daemon.docker("push", name, timeout=30)
        assert refused.stderr.decode().strip() == "no basic auth credentials"
        daemon.docker("login", "-u", USER, "-p", PASSWORD, registry.host, check=True, timeout=30)
        daemon.docker("push", name, check=True, timeout=60)
        daemon.docker("rmi", name, check=True)
        daemon.docker("pull", name, check=True, timeout=60)
        daemon.docker("logout", registry.host, check=True, timeout=30)
        refused = daemon.docker("pull", name, timeout=30)
        assert "no basic auth credentials" in refused.stderr.decode()


def test_certificate_must_be_known_and_certs_d_makes_it_so(daemon: Daemon) -> None:
    with Registry(daemon, SECURE, 5443, tls=True) as registry:
        name = f"{registry.host}/tls:1"
        daemon.docker("tag", "busybox", name, check=True)
        refused = daemon.docker("push", name, timeout=30)
        assert refused.stderr.decode().strip() == (
            f'Get "https://{registry.host}/v2/": x509: certificate signed by unknown authority'
        )
        folder = Path("/etc/trimaran/certs.d") / registry.host
        folder.mkdir(parents=True)
        try:
            shutil.copy(registry.certificate, folder / "ca.crt")
            daemon.docker("push", name, check=True, timeout=60)
            daemon.docker("rmi", name, check=True)
            daemon.docker("pull", name, check=True, timeout=60)
        finally:
            shutil.rmtree(folder)


def test_plain_http_is_refused_unless_the_registry_is_listed_as_insecure(daemon: Daemon) -> None:
    with Registry(daemon, SECURE, 5002) as registry:
        done = daemon.docker("pull", f"{registry.host}/x:1", timeout=30)
        assert done.stderr.decode().strip() == (
            f'Error response from daemon: Get "https://{registry.host}/v2/": '
            "http: server gave HTTP response to HTTPS client"
        )
    with Registry(daemon, INSECURE, 5003) as registry:
        push_busybox(daemon, f"{registry.host}/x:1")
        daemon.docker("pull", f"{registry.host}/x:1", check=True, timeout=60)
    with Registry(daemon, INSECURE, 5004, tls=True) as registry:
        push_busybox(daemon, f"{registry.host}/x:1")
        daemon.docker("pull", f"{registry.host}/x:1", check=True, timeout=60)


def test_killed_daemon_leaves_nothing_half_there_and_the_next_pull_goes_on(
    daemon: Daemon, registry: Registry
) -> None:
    name = f"{registry.host}/big:1"
    layer = tar_of({"random": os.urandom(96 << 20)})
    daemon.json("POST", f"/images/create?fromSrc=-&repo={registry.host}/big&tag=1", layer)
    daemon.docker("push", name, check=True, timeout=120)
    daemon.docker("rmi", name, check=True)
    before = registry.requests().count("GET /v2/big/blobs")
    client = threading.Thread(target=_until_it_breaks, args=(daemon, name))
    client.start()
    deadline = time.monotonic() + 20
    ingest = daemon.root / "data/containerd"
    while not _arriving(ingest, 8 << 20) and time.monotonic() < deadline:
        time.sleep(0.005)
    daemon.kill()
    client.join(20)
    daemon.start()
    assert daemon.request("GET", f"/images/{name}/json")[0] == 404
    messages = pull(daemon, name)
    assert messages[-1]["status"].startswith("Status: Downloaded newer image")
    assert registry.requests().count("GET /v2/big/blobs", before) >= 2
    assert " 206 " in registry.requests()
    daemon.docker("rmi", name, check=True)


def _until_it_breaks(daemon: Daemon, name: str) -> None:
    try:
        daemon.request("POST", f"/images/create?fromImage={name}")
    except (OSError, http.client.HTTPException):
        return


def _arriving(root: Path, size: int) -> bool:
    return any(each.stat().st_size > size for each in root.glob("**/ingest/*/data"))
