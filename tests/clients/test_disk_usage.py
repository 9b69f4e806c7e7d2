"""`docker system df` against what was made before."""

from __future__ import annotations

import pytest

from tests.harness.daemon import Daemon

pytestmark = [pytest.mark.client, pytest.mark.integration]


def test_usage_names_what_images_containers_and_volumes_take(daemon: Daemon) -> None:
    daemon.docker(
        *("run", "--name", "filler", "--net", "none", "-v", "filled:/x", "busybox", "sh", "-c"),
        "echo abc >/x/file; head -c 100000 /dev/urandom >/own",
        check=True,
    )
    usage = daemon.json("GET", "/v1.51/system/df")
    [image] = [each for each in usage["Images"] if each["RepoTags"] == ["busybox:latest"]]
    [container] = [each for each in usage["Containers"] if each["Names"] == ["/filler"]]
    [volume] = [each for each in usage["Volumes"] if each["Name"] == "filled"]
    assert image["Containers"] == 1
    assert usage["LayersSize"] >= image["Size"] > 100_000
    assert 100_000 <= container["SizeRw"] < 150_000
    assert container["SizeRootFs"] == container["SizeRw"] + image["Size"]
    assert volume["UsageData"] == {"RefCount": 1, "Size": 4}
    shown = daemon.docker("system", "df", "--format", "{{.Type}} {{.Active}}", check=True).stdout
    assert b"Images 1" in shown
    assert b"Local Volumes 1" in shown
    daemon.docker("rm", "-v", "filler", check=True)
    daemon.docker("volume", "rm", "filled", check=True)


def test_only_the_kinds_asked_for_are_measured(daemon: Daemon) -> None:
    usage = daemon.json("GET", "/v1.51/system/df?type=volume")
    assert (usage["Images"], usage["Containers"], usage["BuildCache"]) == (None, None, None)
    assert isinstance(usage["Volumes"], list)
    status, body = daemon.request("GET", "/v1.51/system/df?type=x")
    assert (status, body) == (400, b'{"message":"unknown object type: x"}\n')
