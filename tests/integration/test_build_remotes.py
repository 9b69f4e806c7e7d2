"""Builds that fetch: files and repositories by HTTP, from a server in the daemon's own network; nothing else is taken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import docker
import pytest

from tests.harness.daemon import Daemon, UnixConnection, running_daemon
from tests.integration.test_builds import context, left, wait_until_clean

pytestmark = pytest.mark.integration

PORT = 8099
AT = f"http://127.0.0.1:{PORT}"
NOTHING = {"containers": [], "files": [], "snapshots": []}

SERVER = f"""
import functools, http.server, sys, threading
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/never"):
            open(sys.argv[1] + "/asked", "w").close()
            threading.Event().wait(600)
        super().do_GET()
handler = functools.partial(Handler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", {PORT}), handler)
server.daemon_threads = True
server.serve_forever()
"""


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_daemon() as found:
        yield found


@pytest.fixture(scope="module")
def site(daemon: Daemon) -> Iterator[Path]:
    """What the server serves."""
    root = daemon.root / "site"
    root.mkdir()
    inside = ["nsenter", f"--net=/run/netns/{daemon.name}"]
    server = subprocess.Popen(
        [*inside, sys.executable, "-c", SERVER, str(root)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        probe = f"import socket; socket.create_connection(('127.0.0.1', {PORT})).close()"
        deadline = time.monotonic() + 30
        while daemon.inside(sys.executable, "-c", probe, check=False, stderr=-3).returncode:
            assert time.monotonic() < deadline, "the server does not listen"
            time.sleep(0.1)
        (root / "f.txt").write_text("from the server\n")
        (root / "context.tar").write_bytes(context("FROM busybox\nCOPY x /\n", x=b"in the tar"))
        (root / "only").write_text("FROM busybox\nENV alone=1\n")
        yield root
    finally:
        server.kill()
        server.wait()


def git(at: Path, *words: str) -> None:
    own = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent"}
    who = ("-c", "user.name=n", "-c", "user.email=e@e", "-c", "protocol.file.allow=always")
    subprocess.run(
        ["git", *who, *words], cwd=at, env={**os.environ, **own}, check=True, capture_output=True
    )


def repository(site: Path, name: str, files: dict[str, str], *more: tuple[str, ...]) -> None:
    """NAME.git as plain files, with the branch `other` where a file says so."""
    work = site.parent / f"work-{name}"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    for path, content in files.items():
        (work / path).parent.mkdir(exist_ok=True)
        (work / path).write_text(content)
    for each in (("add", "-A"), *more, ("commit", "-qm", "first")):
        git(work, *each)
    git(work, "checkout", "-q", "-b", "other")
    (work / "sub").mkdir(exist_ok=True)
    (work / "sub/which").write_text("other")
    git(work, "add", "-A")
    git(work, "commit", "-qm", "second")
    git(work, "checkout", "-q", "main")
    git(site, "clone", "-q", "--bare", str(work), f"{name}.git")
    git(site / f"{name}.git", "update-server-info")


def asked(daemon: Daemon, remote: str) -> str:
    """All that a build of this remote said."""
    _, body = daemon.request("POST", f"/build?remote={quote(remote, safe='')}&nocache=1")
    messages = [json.loads(line) for line in body.splitlines()]
    return "".join(
        each.get("stream", each.get("error", each.get("message", ""))) for each in messages
    )


def test_add_of_an_url(daemon: Daemon, site: Path) -> None:
    text = f"FROM busybox\nADD {AT}/f.txt /d/\nRUN cat /d/f.txt; stat -c %a /d/f.txt\n"
    done = daemon.docker("build", "-", input=text.encode(), check=True)
    assert b"from the server\n600\n" in done.stdout
    done = daemon.docker("build", "-", input=f"FROM busybox\nADD {AT}/no /\n".encode())
    assert done.returncode == 1
    assert b"status 404" in done.stderr
    assert left(daemon) == NOTHING


def test_contexts_by_http(daemon: Daemon, site: Path) -> None:
    client = docker.DockerClient(base_url=daemon.host)
    try:
        image, _ = client.images.build(path=f"{AT}/context.tar", tag="by-tar", rm=True)
        assert client.containers.run(image, ["cat", "/x"], remove=True) == b"in the tar"
        image, _ = client.images.build(path=f"{AT}/only", tag="by-file", rm=True)
        assert "alone=1" in image.attrs["Config"]["Env"]
    finally:
        client.close()
    assert "status 404" in asked(daemon, f"{AT}/nothing.tar")
    assert left(daemon) == NOTHING


def test_contexts_by_git(daemon: Daemon, site: Path) -> None:
    text = "FROM busybox\nCOPY which /\nRUN echo this is $(cat /which)\n"
    repository(site, "plain", {f"{at}{k}": v for at in ("", "sub/") for k, v in
                               {"Dockerfile": text, "which": "main"}.items()})  # fmt: skip
    assert "this is main\n" in asked(daemon, f"{AT}/plain.git")
    assert "this is other\n" in asked(daemon, f"{AT}/plain.git#other:sub")
    assert "this is main\n" in asked(daemon, f"{AT}/plain.git#:sub")
    assert "git fetch failed" in asked(daemon, f"{AT}/plain.git#nosuch")
    assert "no such file" in asked(daemon, f"{AT}/plain.git#main:nosuch")
    assert left(daemon) == NOTHING


@pytest.mark.parametrize(
    "remote",
    [
        "ext::sh -c 'touch MARK' x.git",
        "file:///etc",
        "file://SITE/plain.git",
        "SITE/plain.git",
        "ssh://-oProxyCommand=touch MARK/x.git",
        "git@localhost:plain.git",
        "git://127.0.0.1/plain.git",
        "--upload-pack=touch MARK;.git",
        f"{AT}/plain.git#--upload-pack=touch MARK",
        f"{AT}/plain.git#-c:x",
        f"{AT}/plain.git#main --upload-pack=touch MARK",
    ],
)
def test_no_other_transport_and_no_option(
    daemon: Daemon, site: Path, tmp_path: Path, remote: str
) -> None:
    mark = tmp_path / "mark"
    said = asked(daemon, remote.replace("MARK", str(mark)).replace("SITE", str(site)))
    assert "only http and https are taken" in said or "invalid reference" in said
    assert not mark.exists()
    assert left(daemon) == NOTHING


def test_a_repository_leads_nowhere_else(daemon: Daemon, site: Path) -> None:
    """A submodule of the host's own files is not fetched; a link out of it stays in it."""
    hidden = site.parent / "hidden"
    hidden.mkdir()
    git(hidden, "init", "-q")
    (hidden / "secret").write_text("of the host")
    git(hidden, "add", "-A")
    git(hidden, "commit", "-qm", "x")
    files = {"Dockerfile": "FROM busybox\nCOPY . /all\nRUN cat /all/part/secret\n"}
    repository(site, "parts", files, ("submodule", "add", "-q", str(hidden), "part"))
    said = asked(daemon, f"{AT}/parts.git")
    assert "of the host" not in said
    assert "git submodule failed" in said
    work = site.parent / "work-links"
    work.mkdir()
    (work / "out").symlink_to("/etc")
    git(work, "init", "-q", "-b", "main")
    git(work, "add", "-A")
    git(work, "commit", "-qm", "x")
    git(site, "clone", "-q", "--bare", str(work), "links.git")
    git(site / "links.git", "update-server-info")
    assert "no such file" in asked(daemon, f"{AT}/links.git#:out")
    assert left(daemon) == NOTHING


@pytest.mark.parametrize("how", ["context", "add"])
def test_a_remote_that_never_answers(daemon: Daemon, site: Path, how: str) -> None:
    """Its client may leave at any time; everybody else goes on meanwhile."""
    (site / "asked").unlink(missing_ok=True)
    connection = UnixConnection(daemon.socket)
    if how == "context":
        connection.request("POST", f"/build?remote={quote(f'{AT}/never', safe='')}")
    else:
        connection.request("POST", "/build", body=context(f"FROM busybox\nADD {AT}/never /\n"))
    deadline = time.monotonic() + 30
    while not (site / "asked").exists():
        assert time.monotonic() < deadline, "it was not asked"
        time.sleep(0.05)
    assert "alone=1" in asked(daemon, f"{AT}/only")
    connection.close()
    wait_until_clean(daemon)
