"""The Quart application: version prefixes, the headers of every response, errors, and streams."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, cast

import msgspec
from quart import Response, request
from quart.ctx import RequestContext
from quart.routing import QuartRule
from quart.sessions import SecureCookieSession, SessionInterface
from quart.wrappers.response import DataBody
from quart_trio import QuartTrio
from quart_trio.asgi import TrioASGIHTTPConnection
from werkzeug.routing import MapAdapter

from engine.api.authorization import Judge, ask_about, question_of
from engine.api.bodies import ApiRequest
from engine.api.origin import OriginGuard
from engine.api.problems import problem_response
from engine.api.responses import StreamBody, empty_response, json_response
from engine.api.versions import MINIMUM, NEWEST, Version, check, split_prefix, text_of
from engine.domain.plugins.authorization import Question
from engine.errors import EngineError

log = logging.getLogger(__name__)

Send = Callable[[Any], Any]


class ApiRule(QuartRule):
    """A route answers the methods that it names: werkzeug would add HEAD to every GET."""

    def __init__(self, string: str, methods: Any = None, **options: Any) -> None:
        super().__init__(string, methods=methods, **options)
        if self.methods is not None and methods is not None and "HEAD" not in methods:
            self.methods.discard("HEAD")


class NoSession(SessionInterface):
    """There are no cookies here."""

    _null = SecureCookieSession()

    async def open_session(self, *_: Any) -> SecureCookieSession:
        """The same empty session for all."""
        return self._null

    def is_null_session(self, obj: object) -> bool:  # noqa: ARG002
        """Nothing is ever saved."""
        return True


class ApiConnection(TrioASGIHTTPConnection):
    """One request in one task: the server cancels that task when the client goes away.

    The response is sent inside the request's context, so that a stream's generator may use
    `request` and `api_version()`.
    """

    app: Api

    async def __call__(self, receive: Any, send: Any) -> None:
        request_ = cast(ApiRequest, self._create_request_from_scope(send))
        request_.body.receive = receive
        async with self.app.request_context(request_) as context:
            response = await self.app.answer(context)
            if not _hijacked(self.scope):
                await self._respond(send, response)

    async def _respond(self, send: Send, response: Response) -> None:
        body = response.response
        if isinstance(body, DataBody):
            await send(self._head(response, whole=True))
            await send({"type": "http.response.body", "body": body.data, "more_body": False})
        elif isinstance(body, StreamBody):
            await self._stream(send, response, body)
        else:
            await self._send_response(send, response)

    async def _stream(self, send: Send, response: Response, body: StreamBody) -> None:
        link = _link(self.scope)
        if link is not None:
            link.streaming = True
        begun = False
        try:
            async with body.source as chunks:
                first = None if body.headers_first else await anext(chunks, None)
                if body.headers_first or first is not None:
                    begun = True
                    await send(self._head(response))
                    if first:
                        await send({"type": "http.response.body", "body": first, "more_body": True})
                    async for chunk in chunks:
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except Exception as error:
            if begun:
                raise
            # Of the first chunk, or of the work beside it, which may end the stream before it raises.
            await self._respond(send, problem_response(error))
            return
        if not begun:
            await send(self._head(response))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _head(self, response: Response, *, whole: bool = False) -> dict[str, Any]:
        headers = [(k.encode(), v.encode("latin1", "replace")) for k, v in response.headers.items()]
        return {
            "type": "http.response.start",
            "status": response.status_code,
            "headers": self.app.headers + headers,
            "trimaran.whole": whole,
        }


class Api(QuartTrio):
    """Routes are registered once, without a version, and answer with any."""

    asgi_http_class = ApiConnection
    request_class = ApiRequest
    url_rule_class = ApiRule  # type: ignore[assignment]
    session_interface = NoSession()  # type: ignore[assignment]

    def __init__(
        self, *, version: str, guard: OriginGuard, minimum: Version, experimental: bool = False
    ) -> None:
        super().__init__("engine.api", static_folder=None)
        self.config.update(MAX_CONTENT_LENGTH=None, BODY_TIMEOUT=None, RESPONSE_TIMEOUT=None)
        # Redirects would confuse clients; /networks/ is the same as /networks.
        self.url_map.strict_slashes = False
        self.url_map.merge_slashes = False
        self.minimum = minimum
        self.guard = guard
        self.judge: Judge | None = None
        self.headers: list[tuple[bytes, bytes]] = [
            (b"Api-Version", text_of(NEWEST).encode()),
            (b"Docker-Experimental", b"true" if experimental else b"false"),
            (b"Ostype", b"linux"),
            (b"Server", f"Docker/{version} (linux)".encode()),
        ]

    async def asgi_app(self, scope: Any, receive: Any, send: Any) -> None:
        """Take the version off the path before anything looks at it."""
        if scope["type"] == "http":
            text, path = split_prefix(scope["path"])
            scope = {**scope, "path": path, "trimaran.version": text}
        await super().asgi_app(scope, receive, send)

    def create_url_adapter(self, request: Any) -> MapAdapter | None:
        """Hosts don't matter for routing."""
        if request is None:
            return None
        return MapAdapter(self.url_map, "localhost", "/", "", "http", request.path, request.method)

    async def answer(self, context: RequestContext) -> Response:
        """Run the handler; whatever it raises becomes an answer."""
        question: Question | None = None
        try:
            self._admit(context.request)
            result = await self.preprocess_request(context)
            if result is None:
                if self.judge is not None:
                    asked = await question_of(cast(ApiRequest, context.request))
                    await self.judge.request(asked)
                    question = asked
                result = await self.dispatch_request(context)
            response = await self._response_of(result)
        except Exception as error:
            if _hijacked(context.request.scope):
                log.exception("a hijacked connection failed")
                return empty_response()
            response = problem_response(error)
        if question is None or self.judge is None or _hijacked(context.request.scope):
            return response
        try:
            await ask_about(self.judge, question, response)
        except EngineError as error:
            return problem_response(error)
        return response

    async def full_dispatch_request(self, context: RequestContext | None = None) -> Response:
        """Quart's entry, for what calls it directly."""
        assert context is not None
        return await self.answer(context)

    def _admit(self, request_: Any) -> None:
        link = _link(request_.scope)
        if link is not None and not link.local:
            self.guard.check(request_.scope["headers"])
        if request_.routing_exception is not None and request_.method != "OPTIONS":
            raise request_.routing_exception
        text = request_.scope.get("trimaran.version")
        request_.scope["trimaran.api"] = check(text, minimum=self.minimum) if text else NEWEST

    async def dispatch_request(self, context: RequestContext | None = None) -> Any:
        """Quart's, but OPTIONS has dockerd's empty answer everywhere."""
        if context is not None and context.request.method == "OPTIONS":
            return empty_response(200)
        return await super().dispatch_request(context)

    async def _response_of(self, result: Any) -> Response:
        if isinstance(result, Response):
            return result
        if result is None:
            return empty_response()
        if isinstance(result, msgspec.Struct | dict | list):
            return json_response(result)
        return cast(Response, await self.make_response(result))


def create_app(
    register: Callable[[QuartTrio], None],
    *,
    version: str = "0.1.0",
    guard: OriginGuard | None = None,
    minimum: Version = MINIMUM,
    experimental: bool = False,
) -> Api:
    """An application with the routes that `register` adds.

    `version` is the engine's, for the Server header; `guard` decides for TCP clients; `minimum`
    is the oldest API version served.
    """
    app = Api(
        version=version,
        guard=guard or OriginGuard(),
        minimum=minimum,
        experimental=experimental,
    )
    register(app)
    return app


def api_version() -> Version:
    """The version that the current request asked for, the newest when it named none."""
    found: Version = request.scope.get("trimaran.api", NEWEST)  # type: ignore[assignment]
    return found


def _link(scope: Any) -> Any:
    return (scope.get("extensions") or {}).get("trimaran.link")


def _hijacked(scope: Any) -> bool:
    link = _link(scope)
    return link is not None and link.hijacked
