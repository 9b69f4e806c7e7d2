"""`docker save | docker load` between dockerd and Trimaran, in both directions: the same images on both sides."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.harness.daemon import Daemon
from tests.harness.dockerd import Dockerd

pytestmark = [
    pytest.mark.client,
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("dockerd") is None, reason="dockerd is not installed"),
]


@pytest.fixture(scope="module")
def ours() -> Iterator[Daemon]:
    with Daemon() as daemon:
        daemon.load_busybox()
        build(daemon)
        yield daemon


@pytest.fixture(scope="module")
def theirs(ours: Daemon) -> Iterator[Dockerd]:
    dockerd = Dockerd(ours)
    try:
        dockerd.start()
        dockerd.load_busybox()
        build(dockerd)
        yield dockerd
    finally:
        dockerd.close()


Engine = Daemon | Dockerd


def build(engine: Engine) -> None:
    """`grown:1` and `grown:2`, one and two layers above busybox, with labels, a volume and an entry point."""
    for base, name in (("busybox", "grown:1"), ("grown:1", "grown:2")):
        write = f"echo {name} > /proof; mkdir -p /deep/er; ln -sf ../proof /deep/link"
        engine.docker(
            "run", "--net", "none", "--name", "maker", base, "sh", "-c", write, check=True
        )
        changes = ["LABEL made=here", "VOLUME /data", "ENV A=b", "EXPOSE 80"]
        if name == "grown:2":
            changes = ['ENTRYPOINT ["cat"]', 'CMD ["/proof"]']
        options = [word for each in changes for word in ("-c", each)]
        engine.docker("commit", *options, "maker", name, check=True)
        engine.docker("rm", "maker", check=True)
    engine.docker("tag", "grown:1", "registry.test:5000/other/grown:1", check=True)


def listed(engine: Engine, *names: str) -> dict[str, str]:
    """ID by name."""
    form = "{{range .RepoTags}}{{.}} {{end}}{{.Id}}"
    done = engine.docker("image", "inspect", "-f", form, *names, check=True)
    found = {}
    for line in done.stdout.decode().splitlines():
        *tags, id = line.split()
        found |= dict.fromkeys(tags, id)
    return {name: found[name] for name in names}


def config(engine: Engine, name: str) -> bytes:
    form = "{{json .Config.Labels}} {{json .Config.Volumes}} {{json .Config.Env}} {{json .Config.Entrypoint}} {{json .RootFS}} {{json .Created}} {{.Architecture}}"
    return engine.docker("image", "inspect", "-f", form, name, check=True).stdout


NAMES = ("busybox:latest", "grown:1", "grown:2", "registry.test:5000/other/grown:1")


def handed_over(source: Engine, target: Engine) -> None:
    """Everything that the source has, under its names and IDs, and back again."""
    before = listed(source, *NAMES)
    configs = [config(source, each) for each in NAMES]
    archive = source.docker("save", *NAMES, check=True).stdout
    target.docker("rmi", "-f", *NAMES, check=True)
    printed = target.docker("load", input=archive, check=True).stdout.decode()
    for name in NAMES:
        assert f"Loaded image: {name}" in printed
    assert listed(target, *NAMES) == before
    assert [config(target, each) for each in NAMES] == configs
    ran = target.docker("run", "--rm", "--net", "none", "grown:2", check=True)
    assert ran.stdout == b"grown:2\n"
    again = target.docker("save", *NAMES, check=True).stdout
    source.docker("rmi", "-f", *NAMES, check=True)
    source.docker("load", input=again, check=True)
    assert listed(source, *NAMES) == before


def test_ours_keep_their_ids_on_a_dockerd(ours: Daemon, theirs: Dockerd) -> None:
    handed_over(ours, theirs)


def test_theirs_keep_their_ids_here(ours: Daemon, theirs: Dockerd) -> None:
    theirs.docker("rmi", "-f", *NAMES, check=True)
    theirs.load_busybox()
    build(theirs)
    handed_over(theirs, ours)
