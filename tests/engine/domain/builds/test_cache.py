from __future__ import annotations

from typing import Any

from engine.domain.builds.cache import Prober, newest, same
from engine.domain.images.config import History, ImageConfig, RootFS
from engine.models.containers import ContainerConfig
from tests.engine.domain.builds.rooms import BUSYBOX, House, image


def test_some_of_a_config_counts() -> None:
    one = ContainerConfig(cmd=["a"], env=["b"], labels={"c": "d"})
    assert same(
        one,
        ContainerConfig(cmd=["a"], env=["b"], labels={"c": "d"}, working_dir="/x", hostname="h"),
    )
    assert not same(one, ContainerConfig(cmd=["a"], env=["x"], labels={"c": "d"}))
    assert not same(one, ContainerConfig(cmd=["a"], env=["b"], labels={"c": "d"}, user="u"))
    assert not same(
        one, ContainerConfig(cmd=["a"], env=["b"], labels={"c": "d"}, volumes={"/v": {}})
    )
    assert not same(None, one)


def test_the_newest_is_taken() -> None:
    config = ContainerConfig(cmd=["a"])
    made = [
        image(n, ImageConfig(created=n, container_config=config)) for n in ("2020", "2022", "2021")
    ]
    found = newest(made, config)
    assert found is not None
    assert found.id == "2022"


async def test_sources_are_found_by_their_history() -> None:
    house = House()
    line, other = History(created_by="a b"), History(created_by="c")
    target = image("t", ImageConfig(history=[line, other], rootfs=RootFS()))
    house.images.known["t"] = target
    images: Any = house.images
    bench: Any = house.bench
    prober = Prober(images, enabled=True, sources=[target])
    assert await prober.probe(BUSYBOX, ContainerConfig(cmd=["a", "b"]), bench) is target
    prober = Prober(images, enabled=True, sources=[target])
    assert await prober.probe(BUSYBOX, ContainerConfig(cmd=["x"]), bench) is None
    assert await prober.probe(BUSYBOX, ContainerConfig(cmd=["a", "b"]), bench) is None
