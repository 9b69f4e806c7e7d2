from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from engine.adapters.builds.fetching import HttpFetcher
from engine.errors import DeadlineExceeded, InvalidParameter

GIT = shutil.which("git")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "file").write_bytes(b"content")
    os.utime(tmp_path / "file", (1000, 1000))
    handler = functools.partial(Quiet, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_file_has_its_name_and_age(site: str) -> None:
    async with HttpFetcher().http(f"{site}/file") as fetched:
        assert (fetched.name, fetched.modified) == ("file", 1000)
        assert b"".join([each async for each in fetched.chunks]) == b"content"


async def test_what_is_not_there_is_told(site: str) -> None:
    with pytest.raises(InvalidParameter, match=r"failed to GET .* with status 404"):
        async with HttpFetcher().http(f"{site}/nope"):
            pass
    with pytest.raises(InvalidParameter, match="failed to GET"):
        async with HttpFetcher().http("http://127.0.0.1:1/"):
            pass


async def test_who_never_answers_is_given_up() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    with pytest.raises(DeadlineExceeded, match="no answer in time"):
        async with HttpFetcher(silence=0.2).http(f"http://127.0.0.1:{port}/x"):
            pass
    await listeners[0].aclose()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A bare copy of a repository, for a server that knows nothing of git."""
    source, made = tmp_path / "source", tmp_path / "repo.git"
    source.mkdir()
    (source / "Dockerfile").write_text("FROM scratch\n")
    who = ("-c", "user.name=a", "-c", "user.email=b@c")
    steps = (("init", "-q", "-b", "main"), ("add", "."), (*who, "commit", "-qm", "x"))
    for words in (*steps, ("update-server-info",)):
        subprocess.run(["git", "-C", str(source), *words], check=True)
    shutil.copytree(source / ".git", made)
    return made


@pytest.mark.skipif(GIT is None, reason="needs git")
async def test_a_repository_is_fetched(site: str, repository: Path) -> None:
    target = repository.parent / "target"
    os.mkdir(target)
    below = await HttpFetcher().git(f"{site}/repo.git#main:sub", str(target))
    assert below == "sub"
    assert "Dockerfile" in os.listdir(target)


@pytest.mark.parametrize("url", ["http://x/y.git#--upload-pack=x", "ssh://x/y.git", "ext::x"])
async def test_nothing_is_smuggled_in(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter):
        await HttpFetcher().git(url, str(tmp_path))
    assert os.listdir(tmp_path) == []
