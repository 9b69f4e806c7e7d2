"""The unmodified docker CLI on volumes: they outlive containers and daemons, take the image's content, and go."""

from __future__ import annotations

import io
import json
import tarfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness.daemon import Daemon, mounts_below, running_daemon
from tests.harness.images import busybox_tar

pytestmark = [pytest.mark.client, pytest.mark.integration]

LABEL = "com.docker.volume.anonymous"


@pytest.fixture
def name() -> str:
    """Of a volume or container of the test's own."""
    return f"v{uuid.uuid4().hex[:10]}"


@pytest.fixture(scope="module")
def image(daemon: Daemon) -> str:
    """busybox with content in /data, which is a VOLUME, and in /other, which is none."""
    found = io.BytesIO(busybox_tar())
    with tarfile.open(fileobj=found, mode="a") as tar:
        _add(tar, "data", tarfile.DIRTYPE, mode=0o2750, uid=1000, gid=1001)
        _add(tar, "data/f", mode=0o640, uid=1000, gid=1001, content=b"hello\n")
        _add(tar, "data/link", tarfile.SYMTYPE, linkname="/etc/passwd")
        _add(tar, "data/hard", tarfile.LNKTYPE, linkname="data/f", mode=0o640, uid=1000, gid=1001)
        _add(tar, "other", tarfile.DIRTYPE, mode=0o700, uid=7, gid=8)
        _add(tar, "out", tarfile.SYMTYPE, linkname="../../../../../../proc/1/root/etc")
    arguments = ("-c", "VOLUME /data", "-c", 'CMD ["sh"]', "-", "withdata:latest")
    daemon.docker("import", *arguments, input=found.getvalue(), check=True, timeout=60)
    return "withdata"


def _add(
    tar: tarfile.TarFile,
    name: str,
    kind: bytes = tarfile.REGTYPE,
    *,
    content: bytes = b"",
    **attributes: Any,
) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, len(content)
    for attribute, value in attributes.items():
        setattr(member, attribute, value)
    tar.addfile(member, io.BytesIO(content))


def run(daemon: Daemon, *arguments: str, ok: bool = True) -> str:
    done = daemon.docker("run", "--net", "none", *arguments, timeout=30)
    assert (done.returncode == 0) is ok, done.stderr.decode()
    return done.stdout.decode()


def volumes(daemon: Daemon, **filters: str) -> set[str]:
    wanted = json.dumps({key: [value] for key, value in filters.items()})
    found = daemon.json("GET", f"/volumes?filters={wanted.replace(' ', '')}")
    return {volume["Name"] for volume in found["Volumes"]}


def refusal(daemon: Daemon, *arguments: str) -> str:
    done = daemon.docker(*arguments, timeout=30)
    assert done.returncode != 0, done.stdout.decode()
    return done.stderr.decode()


def test_volume_is_created_listed_inspected_and_removed(daemon: Daemon, name: str) -> None:
    daemon.docker("volume", "create", "--label", "a=b", name, check=True, timeout=30)
    listed = daemon.docker("volume", "ls", "-q", "--filter", f"name={name}", timeout=30)
    assert listed.stdout.decode().split() == [name]
    (found,) = json.loads(daemon.docker("volume", "inspect", name, timeout=30).stdout)
    assert (found["Driver"], found["Labels"], found["Scope"]) == ("local", {"a": "b"}, "local")
    assert Path(found["Mountpoint"]).is_dir()
    daemon.docker("volume", "rm", name, check=True, timeout=30)
    assert not Path(found["Mountpoint"]).parent.exists()
    assert f"get {name}: no such volume" in refusal(daemon, "volume", "rm", name)
    assert f"get {name}: no such volume" in refusal(daemon, "volume", "inspect", name)
    daemon.docker("volume", "rm", "--force", name, check=True, timeout=30)


def test_named_volume_outlives_its_container(daemon: Daemon, name: str) -> None:
    run(daemon, "--rm", "-v", f"{name}:/v", "busybox", "sh", "-c", "echo kept > /v/f")
    assert run(daemon, "--rm", "-v", f"{name}:/w:ro", "busybox", "cat", "/w/f") == "kept\n"
    daemon.docker("volume", "rm", name, check=True, timeout=30)


def test_empty_volume_takes_the_images_content_with_its_owners(
    daemon: Daemon, image: str, name: str
) -> None:
    script = "stat -c '%u:%g %a' . f; cat f; readlink link; stat -c %h hard"
    expected = "1000:1001 2750\n1000:1001 640\nhello\n/etc/passwd\n2\n"
    options = ("--rm", "-v", f"{name}:/data", "-w", "/data", image, "sh", "-c", script)
    assert run(daemon, *options) == expected
    assert run(daemon, "--rm", "-w", "/data", image, "sh", "-c", script) == expected
    run(daemon, "--rm", "-v", f"{name}:/v", image, "rm", "/v/link")
    assert "link" not in run(daemon, "--rm", "-v", f"{name}:/data", image, "ls", "/data")
    daemon.docker("volume", "rm", name, check=True, timeout=30)


def test_content_is_there_when_the_container_was_only_created(
    daemon: Daemon, image: str, name: str
) -> None:
    daemon.docker("create", "--name", name, "-v", f"{name}:/other", image, check=True, timeout=30)
    found = Path(daemon.json("GET", f"/volumes/{name}")["Mountpoint"]).stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (7, 8, 0o700)
    daemon.docker("rm", "-v", name, check=True, timeout=30)
    daemon.docker("volume", "rm", name, check=True, timeout=30)


def test_nocopy_leaves_the_volume_empty(daemon: Daemon, image: str, name: str) -> None:
    assert run(daemon, "--rm", "-v", f"{name}:/data:nocopy", image, "ls", "/data") == ""
    mount = f"type=volume,src={name},dst=/data,volume-nocopy"
    assert run(daemon, "--rm", "--mount", mount, image, "ls", "/data") == ""
    daemon.docker("volume", "rm", name, check=True, timeout=30)


def test_link_in_an_image_does_not_lead_to_the_hosts_files(
    daemon: Daemon, image: str, name: str
) -> None:
    daemon.docker("create", "--name", name, "-v", f"{name}:/out", image, timeout=30, check=True)
    point = Path(daemon.json("GET", f"/volumes/{name}")["Mountpoint"])
    assert not (point / "shadow").exists()
    daemon.docker("rm", "-v", name, check=True, timeout=30)
    daemon.docker("volume", "rm", name, check=True, timeout=30)


def test_anonymous_volumes_go_with_rm_v_and_stay_without(
    daemon: Daemon, image: str, name: str
) -> None:
    before = volumes(daemon)
    run(daemon, "--name", name, "-v", "/more", image, "true")
    added = volumes(daemon) - before
    assert len(added) == 2
    assert added <= volumes(daemon, label=LABEL)
    daemon.docker("rm", "-v", name, check=True, timeout=30)
    assert volumes(daemon) == before
    run(daemon, "--rm", image, "true")
    assert volumes(daemon) == before
    run(daemon, "--name", name, image, "true")
    daemon.docker("rm", name, check=True, timeout=30)
    (left,) = volumes(daemon) - before
    daemon.docker("volume", "rm", left, check=True, timeout=30)


def test_volume_in_use_is_not_removed(daemon: Daemon, name: str) -> None:
    made = daemon.docker("create", "--name", name, "-v", f"{name}:/v", "busybox", timeout=30)
    container = made.stdout.decode().strip()
    status, body = daemon.request("DELETE", f"/volumes/{name}?force=1")
    text = f"remove {name}: volume is in use - [{container}]"
    assert (status, json.loads(body)["message"]) == (409, text)
    assert name in volumes(daemon, dangling="false")
    daemon.docker("rm", name, check=True, timeout=30)
    assert name in volumes(daemon, dangling="true")
    daemon.docker("volume", "rm", name, check=True, timeout=30)


def test_volumes_from_another_container(daemon: Daemon, name: str) -> None:
    script = "echo x > /v/f"
    run(daemon, "--name", name, "-v", f"{name}:/v", "busybox", "sh", "-c", script)
    assert run(daemon, "--rm", "--volumes-from", name, "busybox", "cat", "/v/f") == "x\n"
    readonly = ("--volumes-from", f"{name}:ro", "busybox", "touch", "/v/g")
    assert "Read-only" in refusal(daemon, "run", "--rm", "--net", "none", *readonly)
    daemon.docker("rm", name, check=True, timeout=30)
    daemon.docker("volume", "rm", name, check=True, timeout=30)


def test_prune_takes_anonymous_volumes_and_all_only_when_told_so(name: str) -> None:
    with running_daemon() as daemon:
        daemon.docker("volume", "create", "named", check=True, timeout=30)
        run(daemon, "--name", name, "-v", "/anon", "-v", "used:/v", "busybox", "true")
        (anonymous,) = volumes(daemon) - {"named", "used"}
        daemon.docker("volume", "prune", "-f", check=True, timeout=30)
        assert anonymous in volumes(daemon)  # its container is there
        daemon.docker("rm", name, check=True, timeout=30)
        done = daemon.docker("volume", "prune", "-f", check=True, timeout=30)
        assert anonymous in done.stdout.decode()
        assert volumes(daemon) == {"named", "used"}
        status, body = daemon.request("POST", "/v1.41/volumes/prune")
        report = json.loads(body)
        assert (status, sorted(report["VolumesDeleted"])) == (200, ["named", "used"])


def test_volume_with_options_is_mounted_while_it_is_used(daemon: Daemon, name: str) -> None:
    options = ("--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=1m,uid=1000")
    daemon.docker("volume", "create", *options, name, check=True, timeout=30)
    point = daemon.json("GET", f"/volumes/{name}")["Mountpoint"]
    sleep = ("busybox", "sleep", "60")
    for each in (name, f"{name}-2"):
        run(daemon, "-d", "--name", each, "-v", f"{name}:/v", *sleep)
    daemon.docker("exec", name, "touch", "/v/f", check=True, timeout=30)
    seen = daemon.docker("exec", f"{name}-2", "stat", "-c", "%u", "/v", "/v/f", timeout=30)
    assert seen.stdout == b"1000\n0\n"
    assert mounts_below(point) == [point]
    daemon.docker("rm", "-f", name, check=True, timeout=30)
    assert mounts_below(point) == [point]
    daemon.docker("rm", "-f", f"{name}-2", check=True, timeout=30)
    assert mounts_below(point) == []
    daemon.docker("volume", "rm", name, check=True, timeout=30)


def test_device_that_is_not_there_fails_the_start_with_its_reason(
    daemon: Daemon, name: str
) -> None:
    options = ("--opt", "type=none", "--opt", "device=/nosuch", "--opt", "o=bind")
    daemon.docker("volume", "create", *options, name, check=True, timeout=30)
    text = refusal(daemon, "run", "--rm", "--net", "none", "-v", f"{name}:/v", "busybox", "true")
    assert "failed to mount local volume: mount /nosuch:" in text
    daemon.docker("volume", "rm", name, check=True, timeout=30)


def test_part_of_a_volume_is_mounted(daemon: Daemon, name: str) -> None:
    script = "mkdir /v/sub; echo part > /v/sub/f; ln -s /etc /v/out"
    run(daemon, "--rm", "-v", f"{name}:/v", "busybox", "sh", "-c", script)
    mount = f"type=volume,src={name},dst=/s,volume-subpath="
    assert run(daemon, "--rm", "--mount", f"{mount}sub", "busybox", "cat", "/s/f") == "part\n"
    for missing in ("nosuch", "out"):
        arguments = ("run", "--rm", "--net", "none", "--mount", f"{mount}{missing}", "busybox")
        assert "cannot access path" in refusal(daemon, *arguments, "true")
    assert mounts_below(f"{daemon.root}/exec/mnt") == []
    daemon.docker("volume", "rm", name, check=True, timeout=30)


@pytest.mark.parametrize(
    ("host", "status", "text"),
    [
        ({"Binds": ["../x:/y"]}, 400, 'create ../x: "../x" includes invalid characters for a'),
        ({"Binds": ["never:/n", "a:/y"]}, 400, "create a: volume name is too short, names"),
        ({"Binds": ["never:/n", "/tmp:/n"]}, 400, "Duplicate mount point: /n"),
        (
            {
                "Binds": ["never:/n"],
                "Mounts": [{"Type": "bind", "Source": "/nosuchdir", "Target": "/y"}],
            },
            400,
            'invalid mount config for type "bind": bind source path does not exist: /nosuchdir',
        ),
        (
            {"Mounts": [{"Type": "bind", "Source": "rel", "Target": "/y"}]},
            400,
            "invalid mount config for type \"bind\": invalid mount path: 'rel' mount path must be",
        ),
        ({"VolumesFrom": ["nosuch"], "Binds": ["never:/n"]}, 400, "No such container: nosuch"),
        ({"Binds": ["never:/n", "never:/bin/sh"]}, 500, "source /bin/busybox is not directory"),
    ],
)
def test_bad_mounts_are_refused_as_on_dockerd(
    daemon: Daemon, name: str, host: dict[str, Any], status: int, text: str
) -> None:
    request = {"Image": "busybox", "Cmd": ["true"], "HostConfig": host}
    found, body = daemon.request("POST", f"/containers/create?name={name}", request)
    assert found == status
    assert json.loads(body)["message"].startswith(text)
    assert daemon.request("GET", f"/containers/{name}/json")[0] == 404
    if status == 400:
        assert "never" not in volumes(daemon)
    assert not any(name.startswith(".") for name in volumes(daemon))


def test_events_of_a_run_are_dockerds_in_dockerds_order(daemon: Daemon, name: str) -> None:
    run(daemon, "--rm", "--name", name, "-v", f"{name}:/v:ro", "busybox", "true")
    daemon.docker("volume", "rm", name, check=True, timeout=30)
    filters = ("--filter", "type=volume", "--filter", f"volume={name}")
    done = daemon.docker(
        "events", "--since", "1h", "--until", "0s", *filters, "--format", "{{json .}}", timeout=30
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["Action"] for each in events] == ["create", "mount", "unmount", "destroy"]
    attributes = events[1]["Actor"]["Attributes"]
    assert attributes.pop("container")
    assert attributes == {
        "destination": "/v",
        "driver": "local",
        "propagation": "",
        "read/write": "false",
    }


@pytest.mark.parametrize("end", [Daemon.stop, Daemon.kill], ids=["stop", "kill"])
def test_volumes_and_references_outlive_the_daemon(
    name: str, end: Callable[[Daemon], object]
) -> None:
    with running_daemon() as daemon:
        script = "echo kept > /v/f"
        run(daemon, "--name", name, "-v", f"{name}:/v", "busybox", "sh", "-c", script)
        before = daemon.json("GET", f"/volumes/{name}")
        end(daemon)
        daemon.start()
        assert daemon.json("GET", f"/volumes/{name}") == before
        assert daemon.request("DELETE", f"/volumes/{name}")[0] == 409
        assert run(daemon, "--rm", "-v", f"{name}:/v", "busybox", "cat", "/v/f") == "kept\n"
        daemon.docker("rm", name, check=True, timeout=30)
        daemon.docker("volume", "rm", name, check=True, timeout=30)


def test_image_is_mounted_and_what_is_written_there_is_the_containers_own(
    daemon: Daemon, image: str, name: str
) -> None:
    mount = f"type=image,source={image},target=/img"
    script = "cat /img/data/f; ls -ld /img/data | cut -c1-10; cat /img/mark; echo kept >/img/mark"
    create = ("run", "--net", "none", "--name", name, "--mount", mount, "busybox", "sh", "-c")
    first = daemon.docker(*create, script)
    assert first.stdout == b"hello\ndrwxr-s---\n"
    again = daemon.docker("start", "-a", name)
    assert again.stdout == b"hello\ndrwxr-s---\nkept\n"
    (shown,) = daemon.json("GET", f"/containers/{name}/json")["Mounts"]
    assert (shown["Type"], shown["Name"], shown["RW"]) == ("image", image, True)
    assert run(daemon, "--rm", "--mount", mount, "busybox", "ls", "/img/mark", ok=False) == ""
    assert "is using its referenced image" in refusal(daemon, "rmi", image)
    own = daemon.root / "data/containers" / daemon.json("GET", f"/containers/{name}/json")["Id"]
    assert (own / "images/0/diff/mark").read_text() == "kept\n"
    daemon.docker("rm", name, check=True)
    assert not own.exists()
    assert not [each for each in mounts_below(str(daemon.root)) if "mnt/volumes" in each]


def test_part_of_an_image_is_mounted(daemon: Daemon, image: str, name: str) -> None:
    mount = f"type=image,source={image},target=/img,readonly,image-subpath="
    assert run(daemon, "--rm", "--mount", f"{mount}data", "busybox", "cat", "/img/f") == "hello\n"
    listed = ("--mount", f"{mount}data", "busybox", "touch", "/img/x")
    assert run(daemon, "--rm", *listed, ok=False) == ""
    create = ("run", "--net", "none", "--name", name, "--mount", f"{mount}out", "busybox", "true")
    assert "cannot access path out" in refusal(daemon, *create)
    daemon.docker("rm", name, check=True)
    missing = {"Type": "image", "Source": "nosuch", "Target": "/img"}
    body = {"Image": "busybox", "HostConfig": {"Mounts": [missing]}}
    status, answer = daemon.request("POST", "/containers/create", body)
    assert (status, json.loads(answer)["message"]) == (404, "No such image: nosuch:latest")
