from __future__ import annotations

from pathlib import Path

import trio

from engine.domain.streams.frames import frame
from engine.errors import SystemFailure
from tests.engine.api.routes.house import House, house
from tests.engine.api.serving import connect

UPGRADE = "Connection: Upgrade\r\nUpgrade: tcp\r\n"


async def created(at: House, **body: object) -> str:
    answer = await at.ask("POST", "/containers/web/exec", {"Cmd": ["true"], **body})
    assert answer.status == 201
    return str(answer.json["Id"])


async def test_exec_is_created_started_detached_and_inspected(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.run("web")
        made = await created(at)
        assert (await at.ask("POST", f"/exec/{made}/start", {"Detach": True})).status == 200
        inspected = (await at.ask("GET", f"/exec/{made}/json")).json
        assert (inspected["ID"], inspected["Running"], inspected["ExitCode"]) == (made, True, None)
        assert (await at.ask("POST", f"/exec/{made}/resize?h=1&w=2")).status == 200
        assert (await at.ask("POST", f"/exec/{made}/resize?h=1&w=65536")).status == 400
        cell = at.daemon.containers.cell("web")
        assert at.daemon.runtime.tasks.process(cell.id, made).size == (2, 1)


async def test_refusals_have_their_status_and_text(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        made = await at.create("web")
        text = f"Container {made} is not running"
        assert await at.told("POST", "/containers/web/exec", {"Cmd": ["x"]}) == (409, text)
        await at.ask("POST", "/containers/web/start")
        text = "No exec command specified"
        assert await at.told("POST", "/containers/web/exec", {"Tty": True}) == (400, text)
        text = "No such exec instance: nosuch"
        assert await at.told("GET", "/exec/nosuch/json") == (404, text)
        assert await at.told("POST", "/exec/nosuch/start", {}) == (404, text)
        exec_id = await created(at)
        at.daemon.runtime.failures["tasks.start"] = SystemFailure("permission denied")
        status, text = await at.told("POST", f"/exec/{exec_id}/start", {"Detach": True})
        assert (status, text) == (400, "permission denied")


async def attached(at: House, exec_id: str, body: bytes = b"{}") -> tuple[str, bytes]:
    """The head of the hijacked connection, and all that came over it."""
    async with await connect(at.path) as client:
        head = f"POST /exec/{exec_id}/start HTTP/1.1\r\nHost: d\r\n{UPGRADE}"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        await client.send(head.encode() + body)
        found = await client.read_head()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(play, at, exec_id)
            rest = await client.rest()
            nursery.cancel_scope.cancel()
        return found, rest


async def play(at: House, exec_id: str) -> None:
    """The process says something and ends, once it runs."""
    exec = at.daemon.exec_store.resolve(exec_id)
    await exec.ready.wait()
    if exec.running:
        at.daemon.runtime.write(exec.container_id, b"out", exec_id=exec_id)
        at.daemon.runtime.exit(exec.container_id, 0, exec_id=exec_id)
    await trio.sleep_forever()


async def test_attached_exec_takes_the_connection(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.run("web")
        head, rest = await attached(at, await created(at, AttachStdout=True))
        assert head.startswith("HTTP/1.1 101 UPGRADED")
        assert "vnd.docker.multiplexed-stream" in head
        assert rest == frame("stdout", b"out")
        head, rest = await attached(
            at, await created(at, AttachStdout=True, Tty=True), b'{"Tty":true}'
        )
        assert "vnd.docker.raw-stream" in head
        assert rest == b"out"


async def test_failed_start_is_told_where_the_output_would_be(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.run("web")
        made = await created(at, AttachStdout=True)
        at.daemon.runtime.failures["tasks.start"] = SystemFailure("no luck")
        head, rest = await attached(at, made)
        assert head.startswith("HTTP/1.1 101")
        assert rest == frame("stdout", b"no luck\r\n")
