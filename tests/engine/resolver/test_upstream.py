from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from dnslib import DNSRecord
from trio.testing import MockClock

from engine.models.resolver import Scope
from engine.resolver.upstream import FRESH, HostServers, Upstream
from tests.integration.name_server import NameServer
from tests.integration.network_lab import in_lab, run

QUESTION = bytes(DNSRecord.question("example.org").pack())
ASKER = Scope(id="c", path="/nowhere", presences=[])


async def ask(upstream: Upstream, scope: Scope = ASKER, *, tcp: bool = False) -> list[str]:
    answer = DNSRecord.parse(await upstream.ask(scope, QUESTION, tcp=tcp))
    return [str(each.rdata) for each in answer.rr] or [f"code {answer.header.rcode}"]


@contextlib.asynccontextmanager
async def servers(*addresses: str) -> AsyncIterator[tuple[list[NameServer], Upstream]]:
    """One for each answer, at 127.0.0.2 and on; the host's file names them in this order."""
    run("ip", "link", "set", "lo", "up")
    made = [NameServer(f"127.0.0.{i}", address) for i, address in enumerate(addresses, 2)]
    async with contextlib.AsyncExitStack() as stack:
        for each in made:
            await stack.enter_async_context(each.serving())
        text = "".join(f"nameserver {each.host}\n" for each in made)
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(text)
            file.flush()
            path = Path(file.name)
            yield made, Upstream(HostServers(path, path))


@pytest.mark.integration
@in_lab
async def test_first_server_answers_and_others_are_spared() -> None:
    async with servers("1.1.1.1", "2.2.2.2") as (made, upstream):
        assert await ask(upstream) == ["1.1.1.1"]
        assert await ask(upstream, tcp=True) == ["1.1.1.1"]
        assert (len(made[0].asked), made[1].asked) == (2, [])


@pytest.mark.integration
@pytest.mark.parametrize("first", ["servfail", "refused"])
@in_lab
async def test_next_server_is_asked_when_the_first_does_not_know(first: str) -> None:
    async with servers(first, "2.2.2.2") as (_, upstream):
        assert await ask(upstream) == ["2.2.2.2"]


@pytest.mark.integration
@in_lab
async def test_silent_server_is_passed_over_and_then_asked_last() -> None:
    async with servers("", "2.2.2.2") as (_, upstream):
        assert await ask(upstream) == ["2.2.2.2"]
        with trio.fail_after(0.5):  # the second question waits for nobody
            assert await ask(upstream) == ["2.2.2.2"]


@pytest.mark.integration
@in_lab
async def test_nobody_who_knows_is_a_failure() -> None:
    async with servers("servfail", "servfail") as (_, upstream):
        assert await ask(upstream) == ["code 2"]


@pytest.mark.integration
@in_lab
async def test_own_servers_are_asked_from_inside_the_container() -> None:
    async with servers("1.1.1.1") as (made, upstream):
        run("ip", "netns", "add", "inside")
        try:
            own = Scope(id="c", path="/run/netns/inside", presences=[], servers=["127.0.0.2"])
            # Our loopback isn't the container's.
            assert await ask(upstream, own) == ["code 2"]
            assert made[0].asked == []
        finally:
            run("ip", "netns", "del", "inside")


async def test_internal_container_asks_nobody() -> None:
    upstream = Upstream(HostServers(Path("/nonexistent"), Path("/nonexistent")))
    closed = Scope(id="c", path="/", presences=[], forwards=False)
    assert await ask(upstream, closed) == ["code 2"]


async def test_changed_file_is_noticed_in_time(tmp_path: Path, autojump_clock: MockClock) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("nameserver 192.0.2.1\n")
    host = HostServers(file, tmp_path / "none")
    assert host.servers() == ("192.0.2.1",)
    file.write_text("nameserver 192.0.2.2\nnameserver 192.0.2.3\n")
    await trio.sleep(FRESH)
    assert host.servers() == ("192.0.2.2", "192.0.2.3")


async def test_systemds_stub_is_looked_behind(tmp_path: Path) -> None:
    file, real = tmp_path / "resolv.conf", tmp_path / "systemd.conf"
    file.write_text("nameserver 127.0.0.53\n")
    real.write_text("nameserver 192.0.2.9\n")
    assert HostServers(file, real).servers() == ("192.0.2.9",)


async def test_host_without_servers_has_dockerds(tmp_path: Path) -> None:
    assert HostServers(tmp_path / "none", tmp_path / "none").servers() == ("8.8.8.8", "8.8.4.4")
