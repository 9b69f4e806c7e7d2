"""docker-py on the daemon: running in its modes, execs, sockets, archives, stats, waiting."""

from __future__ import annotations

import io
import socket
import tarfile
import time
from collections.abc import Iterator
from typing import Any

import docker
import pytest
import trio
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound
from docker.models.containers import Container

from tests.harness.daemon import Daemon

pytestmark = [
    pytest.mark.client,
    pytest.mark.integration,
    # docker-py leaves sockets of streams for the collector to close
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def client(daemon: Daemon) -> Iterator[docker.DockerClient]:
    made = docker.DockerClient(base_url=daemon.host, version="auto", timeout=30)
    yield made
    for each in made.containers.list(all=True):
        each.remove(force=True, v=True)
    made.close()


@pytest.fixture
def sleeper(client: docker.DockerClient) -> Container:
    return client.containers.run("busybox", ["sleep", "1000"], detach=True, network_mode="none")


def test_run_gives_the_output(client: docker.DockerClient) -> None:
    out = client.containers.run("busybox", ["echo", "hello"], network_mode="none", remove=True)
    assert out == b"hello\n"
    assert client.containers.list(all=True) == []


def test_run_gives_standard_error_when_it_is_wanted(client: docker.DockerClient) -> None:
    script = "echo out; echo err >&2"
    both = client.containers.run(
        "busybox", ["sh", "-c", script], stderr=True, network_mode="none", remove=True
    )
    assert sorted(both.split()) == [b"err", b"out"]
    lines = client.containers.run(
        "busybox", ["sh", "-c", script], stream=True, network_mode="none", remove=True
    )
    assert list(lines) == [b"out\n"]


def test_a_failing_run_raises_with_its_standard_error(client: docker.DockerClient) -> None:
    with pytest.raises(ContainerError) as caught:
        client.containers.run("busybox", ["sh", "-c", "echo why >&2; exit 3"], network_mode="none")
    assert (caught.value.exit_status, caught.value.stderr) == (3, b"why\n")


def test_a_missing_image_is_told_apart(client: docker.DockerClient) -> None:
    with pytest.raises(ImageNotFound):
        client.api.create_container("nosuch:image", "true")


def test_exec_run_gives_exit_code_and_output(sleeper: Container) -> None:
    assert sleeper.exec_run(["sh", "-c", "echo a; exit 5"]) == (5, b"a\n")
    assert sleeper.exec_run("pwd", workdir="/etc").output == b"/etc\n"
    assert sleeper.exec_run("id -u", user="1234").output == b"1234\n"
    assert sleeper.exec_run(["sh", "-c", "echo $X"], environment={"X": "y"}).output == b"y\n"
    assert (
        b"terminal" in sleeper.exec_run(["sh", "-c", "test -t 1 && echo terminal"], tty=True).output
    )


def test_exec_run_parts_the_streams(sleeper: Container) -> None:
    script = ["sh", "-c", "echo out; echo err >&2"]
    assert sleeper.exec_run(script, demux=True).output == (b"out\n", b"err\n")
    parts = list(sleeper.exec_run(script, demux=True, stream=True).output)
    assert b"".join(each[0] or b"" for each in parts) == b"out\n"
    assert b"".join(each[1] or b"" for each in parts) == b"err\n"


def test_an_exec_speaks_through_a_socket(sleeper: Container) -> None:
    found = sleeper.exec_run("cat", stdin=True, socket=True, tty=True)
    with found.output as stream:
        raw: socket.socket = stream._sock
        raw.settimeout(10)
        raw.sendall(b"ping\n")
        seen = b""
        while b"ping" not in seen:
            seen += raw.recv(4096)
        raw.close()


def test_a_detached_exec_runs_on(sleeper: Container) -> None:
    sleeper.exec_run(["sh", "-c", "sleep 0.2; touch /done"], detach=True)
    deadline = time.monotonic() + 10
    while sleeper.exec_run("ls /done").exit_code != 0:
        assert time.monotonic() < deadline


def test_an_exec_can_be_inspected_and_resized(sleeper: Container) -> None:
    api = sleeper.client.api
    made = api.exec_create(sleeper.id, ["sh", "-c", "sleep 0.5; stty size"], tty=True)
    assert api.exec_inspect(made["Id"])["Running"] is False
    output = api.exec_start(made["Id"], stream=True)
    deadline = time.monotonic() + 5
    while not api.exec_inspect(made["Id"])["Running"]:
        assert time.monotonic() < deadline
    api.exec_resize(made["Id"], height=33, width=77)
    assert b"".join(output).strip() == b"33 77"
    assert api.exec_inspect(made["Id"])["ExitCode"] == 0
    with pytest.raises(APIError) as again:
        api.exec_start(made["Id"])
    assert again.value.response.status_code == 409


def test_attach_socket_carries_stdin_and_output(client: docker.DockerClient) -> None:
    made = client.containers.create("busybox", "cat", stdin_open=True, network_mode="none")
    with made.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1}) as stream:
        made.start()
        raw: socket.socket = stream._sock
        raw.settimeout(10)
        raw.sendall(b"through\n")
        seen = b""
        while b"through\n" not in seen:
            seen += raw.recv(4096)
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(4096) == b""
        raw.close()
    assert made.wait(timeout=10)["StatusCode"] == 0


def test_attach_follows_the_output(client: docker.DockerClient) -> None:
    made = client.containers.create(
        "busybox", ["sh", "-c", "echo one; sleep 0.2; echo two"], network_mode="none"
    )
    output = made.attach(stream=True, logs=False)
    made.start()
    assert b"".join(output) == b"one\ntwo\n"
    assert made.logs() == b"one\ntwo\n"
    assert made.logs(tail=1) == b"two\n"


async def test_attach_over_a_websocket(daemon: Daemon, client: docker.DockerClient) -> None:
    """docker-py's own way needs a package of its own; what it sends is this."""
    from trio_websocket import wrap_client_stream

    made = client.containers.run(
        "busybox", "cat", stdin_open=True, detach=True, network_mode="none"
    )
    path = f"/containers/{made.id}/attach/ws?stdin=1&stdout=1&stream=1"
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            stream = await trio.open_unix_socket(daemon.socket)
            connection = await wrap_client_stream(nursery, stream, "localhost", path)
            await connection.send_message(b"over the web\n")
            seen = b""
            while b"over the web" not in seen:
                message: Any = await connection.get_message()
                seen += message.encode() if isinstance(message, str) else message
            await connection.aclose()
            nursery.cancel_scope.cancel()


def test_archives_go_in_and_out(sleeper: Container) -> None:
    sent = io.BytesIO()
    with tarfile.open(fileobj=sent, mode="w") as archive:
        info = tarfile.TarInfo("dir/file")
        info.size, info.uid, info.mode = 5, 77, 0o640
        archive.addfile(info, io.BytesIO(b"hello"))
    assert sleeper.put_archive("/tmp", sent.getvalue()) is True
    chunks, stat = sleeper.get_archive("/tmp/dir/file")
    assert (stat["name"], stat["size"], stat["mode"]) == ("file", 5, 0o640)
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        member = archive.getmember("file")
        content = archive.extractfile(member)
        assert content is not None
        assert (content.read(), member.uid) == (b"hello", 77)
    with pytest.raises(NotFound):
        sleeper.get_archive("/nosuch")


def test_megabytes_pass_through_an_archive(sleeper: Container) -> None:
    data = bytes(range(256)) * (32 << 10)
    sent = io.BytesIO()
    with tarfile.open(fileobj=sent, mode="w") as archive:
        info = tarfile.TarInfo("big")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    sleeper.put_archive("/", sent.getvalue())
    chunks, _ = sleeper.get_archive("/big")
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        content = archive.extractfile("big")
        assert content is not None
        assert content.read() == data


def test_stats_in_both_forms(sleeper: Container) -> None:
    one = sleeper.stats(stream=False)
    assert one["memory_stats"]["usage"] > 0
    assert one["precpu_stats"]["system_cpu_usage"] < one["cpu_stats"]["system_cpu_usage"]
    stream = sleeper.stats(decode=True)
    first, second = next(stream), next(stream)
    assert second["preread"] == first["read"]
    assert second["precpu_stats"] == first["cpu_stats"]
    stream.close()


def test_wait_answers_for_each_condition(client: docker.DockerClient) -> None:
    made = client.containers.run(
        "busybox", ["sh", "-c", "sleep 0.3; exit 4"], detach=True, network_mode="none"
    )
    assert made.wait(timeout=10) == {"StatusCode": 4, "Error": None}
    assert made.wait(timeout=10, condition="not-running")["StatusCode"] == 4


def test_top_diff_rename_and_pause(sleeper: Container) -> None:
    assert sleeper.top(ps_args="-o pid,comm")["Processes"][0][1] == "sleep"
    sleeper.exec_run("touch /new")
    assert sleeper.diff() == [{"Path": "/new", "Kind": 1}]
    sleeper.rename("docker_py_renamed")
    sleeper.reload()
    assert sleeper.name == "docker_py_renamed"
    sleeper.pause()
    sleeper.reload()
    assert sleeper.status == "paused"
    sleeper.unpause()


def test_commit_update_export_and_prune(client: docker.DockerClient, sleeper: Container) -> None:
    sleeper.exec_run("touch /committed")
    image = sleeper.commit("pyimage", "v1", message="m", conf={"Cmd": ["ls", "/committed"]})
    assert client.containers.run("pyimage:v1", network_mode="none", remove=True) == b"/committed\n"
    client.images.remove(image.id, force=True)
    assert sleeper.update(mem_limit="100m", memswap_limit="200m") == {"Warnings": None}
    assert sum(len(each) for each in sleeper.export()) > 1 << 20
    sleeper.stop(timeout=0)
    assert client.containers.prune()["ContainersDeleted"] == [sleeper.id]


def test_detach_keys_leave_an_exec_running(daemon: Daemon, sleeper: Container) -> None:
    api = sleeper.client.api
    made = api.exec_create(sleeper.id, "cat", stdin=True, tty=True, detach_keys="ctrl-a,x")
    with api.exec_start(made["Id"], tty=True, socket=True) as stream:
        raw: socket.socket = stream._sock
        raw.settimeout(10)
        raw.sendall(b"still here\n")
        seen = b""
        while b"still here" not in seen:
            seen += raw.recv(4096)
        raw.sendall(b"\x01x")
        while raw.recv(4096):
            pass
        raw.close()
    assert api.exec_inspect(made["Id"])["Running"] is True
    told = daemon.docker(
        "events", "--since", "1h", "--until", "0s", "--filter", "event=exec_detach",
        "--format", "{{.Actor.Attributes.execID}}", check=True, timeout=30,
    )  # fmt: skip
    assert told.stdout.decode().split()[-1] == made["Id"]
