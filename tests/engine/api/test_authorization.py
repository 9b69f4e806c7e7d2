from __future__ import annotations

import shutil
import ssl
from pathlib import Path

import pytest
import trio
from quart_trio import QuartTrio

from engine.api.app import Api
from engine.api.authorization import _client
from engine.api.bodies import body_stream, read_body
from engine.api.listeners import TcpListener, Tls
from engine.api.responses import json_response, stream_response
from engine.domain.plugins.authorization import BODY_LIMIT, Question
from engine.errors import Forbidden
from tests.engine.api.serving import ask, serving
from tests.engine.api.test_server import certificate

JSON = {"Content_Type": "application/json"}


class Judge:
    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.answers: list[tuple[int, bytes]] = []
        self.denied = ""
        self.hidden = ""

    async def request(self, question: Question) -> None:
        self.asked.append(question)
        if self.denied and self.denied in question.uri:
            raise Forbidden("denied")

    async def response(
        self, question: Question, status: int, headers: dict[str, str], body: bytes
    ) -> None:
        self.answers.append((status, body))
        if self.hidden and self.hidden in question.uri:
            raise Forbidden("hidden")


@pytest.fixture
def judge() -> Judge:
    return Judge()


def routes(judge: Judge, handled: list[str]):  # type: ignore[no-untyped-def]
    def register(app: QuartTrio) -> None:
        assert isinstance(app, Api)
        app.judge = judge

        @app.post("/echo")
        async def echo():  # type: ignore[no-untyped-def]
            handled.append("echo")
            return json_response({"size": len(await read_body())})

        @app.post("/auth")
        async def auth():  # type: ignore[no-untyped-def]
            return json_response({"size": len(await read_body())})

        @app.post("/load")
        async def load():  # type: ignore[no-untyped-def]
            return json_response({"size": sum([len(chunk) async for chunk in body_stream()])})

        @app.get("/stream")
        async def stream():  # type: ignore[no-untyped-def]
            async def chunks():  # type: ignore[no-untyped-def]
                handled.append("streamed")
                yield b"one"

            return stream_response(chunks())

    return register


async def test_json_body_is_shown_and_read_again(tmp_path: Path, judge: Judge) -> None:
    async with serving(routes(judge, []), tmp_path / "s"):
        answer = await ask(tmp_path / "s", "POST", "/v1.41/echo?a=b", b'{"x":1}', **JSON)
    assert answer.json == {"size": 7}
    (found,) = judge.asked
    assert (found.method, found.uri, found.body) == ("POST", "/v1.41/echo?a=b", b'{"x":1}')
    assert judge.answers == [(200, b'{"size":7}\n')]


async def test_other_large_and_secret_bodies_are_not_shown(tmp_path: Path, judge: Judge) -> None:
    large = b"x" * (BODY_LIMIT + 100_000)
    async with serving(routes(judge, []), tmp_path / "s"):
        for path, body, headers in (
            ("/load", b"tar", {"Content_Type": "application/x-tar"}),
            ("/load", large, JSON),
            ("/auth", b"{}", JSON),
        ):
            answer = await ask(tmp_path / "s", "POST", path, body, **headers)
            assert answer.json == {"size": len(body)}
    assert [each.body for each in judge.asked] == [b"", b"", b""]
    assert judge.answers[-1] == (200, b"")


async def test_denied_request_never_reaches_its_handler(tmp_path: Path, judge: Judge) -> None:
    judge.denied, handled = "/echo", list[str]()
    async with serving(routes(judge, handled), tmp_path / "s"):
        answer = await ask(tmp_path / "s", "POST", "/echo", b"{}", **JSON)
    assert (answer.status, answer.json) == (403, {"message": "denied"})
    assert (handled, judge.answers) == ([], [])


async def test_hidden_answer_is_not_sent_nor_a_stream_begun(tmp_path: Path, judge: Judge) -> None:
    handled = list[str]()
    async with serving(routes(judge, handled), tmp_path / "s"):
        assert (await ask(tmp_path / "s", "GET", "/stream")).body == b"one"
        judge.hidden = "/"
        answers = [
            await ask(tmp_path / "s", "GET", "/stream"),
            await ask(tmp_path / "s", "POST", "/echo", b"{}", **JSON),
        ]
    assert [each.status for each in answers] == [403, 403]
    assert handled == ["streamed", "echo"]


def test_client_without_a_certificate_has_no_name() -> None:
    assert _client({}) == ("", [])


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes certificates with openssl")
async def test_user_is_the_common_name_of_the_clients_certificate(
    tmp_path: Path, judge: Judge
) -> None:
    certificate(tmp_path, "ca")
    certificate(tmp_path, "server", "ca")
    certificate(tmp_path, "alice", "ca")
    ca = tmp_path / "ca.pem"
    tls = Tls(cert=tmp_path / "server.pem", key=tmp_path / "server.key", ca=ca, verify=True)
    context = ssl.create_default_context(cafile=str(ca))
    context.load_cert_chain(tmp_path / "alice.pem", tmp_path / "alice.key")
    listener = TcpListener("127.0.0.1", 0, tls)
    async with serving(routes(judge, []), tmp_path / "s", listener) as server:
        port = server.bound[1].sock.getsockname()[1]
        stream = await trio.open_ssl_over_tcp_stream(
            "127.0.0.1", port, ssl_context=context, https_compatible=True
        )
        async with stream:
            await stream.send_all(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
    (found,) = judge.asked
    assert (found.user, found.user_method) == ("alice", "TLS")
    assert found.certificates[0].startswith("-----BEGIN CERTIFICATE-----")
