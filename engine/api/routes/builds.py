"""Builds: the classic builder's route, its prune and cancel, and BuildKit's doors, which lead to a buildkitd or refuse."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

import msgspec
import trio
from quart import Response, request
from quart_trio import QuartTrio

from engine.api.bodies import body_stream
from engine.api.hijack import hijack
from engine.api.queries import query_bool, query_filters, query_int, query_list, query_text
from engine.api.responses import (
    empty_response,
    encode,
    json_response,
    raw_response,
    stream_response,
)
from engine.api.routes.rooms import Rooms
from engine.domain.builds.facade import BuildFailed, BuildKit, BuildOptions, Builds
from engine.errors import InvalidParameter, NotImplementedHere
from engine.models import gojson
from engine.models.hostconfig import Ulimit
from engine.models.registry import AuthConfig
from engine.models.wire import Wire, number
from supervisors import Refusal

T = TypeVar("T")
WAITING = 64
BUILDKIT = (
    "BuildKit is not part of this engine: builds go through the classic builder"
    " (DOCKER_BUILDKIT=0 docker build)"
)
H2C = "h2c"
SESSION_HEADER = "x-docker-expose-session-"


class PruneReport(Wire, frozen=True):
    """The classic builder's cache is images, which have a prune of their own."""

    caches_deleted: list[str] | None = msgspec.field(default=None, name="CachesDeleted")
    space_reclaimed: int = number()


def register(app: QuartTrio, rooms: Rooms) -> None:
    @app.post("/build")
    async def build() -> Response:
        if query_text("version") == "2":
            raise NotImplementedHere(BUILDKIT)
        running = _running(rooms.builds, _options(), body_stream())
        return stream_response(running, headers_first=False)

    @app.post("/build/prune")
    async def build_prune() -> Response:
        query_filters()
        return json_response(PruneReport())

    @app.post("/build/cancel")
    async def build_cancel() -> Response:
        wanted = query_text("id")
        if not wanted:
            raise InvalidParameter("build ID not provided")
        rooms.builds.cancel(wanted)
        return raw_response(b"", 200)

    @app.post("/session")
    async def session() -> Response:
        buildkit = _buildkit(rooms)
        async with buildkit.session(_session_headers()) as carry:
            await carry(await hijack(content_type=None, protocol=H2C))
        return empty_response(200)

    @app.post("/grpc")
    async def grpc() -> Response:
        async with _buildkit(rooms).control() as carry:
            await carry(await hijack(content_type=None, protocol=H2C))
        return empty_response(200)


def _buildkit(rooms: Rooms) -> BuildKit:
    """Refuses as dockerd does what is no upgrade to HTTP/2."""
    found = rooms.builds.buildkit
    if found is None:
        raise NotImplementedHere(BUILDKIT)
    protocol = request.headers.get("Upgrade", "")
    if not protocol:
        raise InvalidParameter("no upgrade proto in request")
    if protocol != H2C:
        raise InvalidParameter(f"protocol {protocol} not supported")
    return found


def _session_headers() -> list[tuple[str, str]]:
    """The session's ID, name and methods; a method has a header of its own."""
    found = [(name.lower(), value) for name, value in request.headers.items()]
    return [(name, value) for name, value in found if name.startswith(SESSION_HEADER)]


@asynccontextmanager
async def _running(
    builds: Builds, options: BuildOptions, chunks: AsyncIterator[bytes]
) -> AsyncIterator[AsyncIterator[bytes]]:
    """The build runs beside its messages; leaving ends it."""
    send, receive = trio.open_memory_channel[Mapping[str, Any]](WAITING)
    failures: list[Refusal] = []

    async def work() -> None:
        async with send:
            try:
                await builds.build(options, chunks, send)
            except Refusal as error:
                failures.append(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work)
        async with aclosing(_lines(receive, failures)) as lines:
            yield lines
        nursery.cancel_scope.cancel()


async def _lines(
    messages: trio.MemoryReceiveChannel[Mapping[str, Any]], failures: list[Refusal]
) -> AsyncGenerator[bytes, None]:
    """An error before the first line is an ordinary answer, later it is the last line."""
    begun = False
    async with messages:
        async for message in messages:
            begun = True
            yield encode(message)
    for error in failures:
        if not begun:
            raise error
        detail: dict[str, Any] = {"message": str(error)}
        if isinstance(error, BuildFailed):
            detail = {"code": error.code, **detail}
        yield encode({"errorDetail": detail, "error": str(error)})


def _options() -> BuildOptions:
    for name in ("memory", "memswap", "cpushares", "cpuperiod", "cpuquota", "shmsize"):
        query_int(name)
    return BuildOptions(
        dockerfile=query_text("dockerfile"),
        remote=query_text("remote"),
        tags=tuple(query_list("t")),
        quiet=query_bool("q"),
        no_cache=query_bool("nocache"),
        cache_from=tuple(_json("cachefrom", list[str] | None) or ()),
        pull=query_bool("pull"),
        remove=query_bool("rm", default=True),
        force_remove=query_bool("forcerm"),
        squash=query_bool("squash"),
        target=query_text("target"),
        platform=query_text("platform"),
        arguments=_json("buildargs", dict[str, str | None] | None) or {},
        labels=_json("labels", dict[str, str] | None) or {},
        network=query_text("networkmode"),
        extra_hosts=tuple(_hosts()),
        shm_size=query_int("shmsize"),
        memory=query_int("memory"),
        memory_swap=query_int("memswap"),
        cpu_shares=query_int("cpushares"),
        cpu_period=query_int("cpuperiod"),
        cpu_quota=query_int("cpuquota"),
        cpuset_cpus=query_text("cpusetcpus"),
        cpuset_mems=query_text("cpusetmems"),
        cgroup_parent=query_text("cgroupparent"),
        ulimits=tuple(_json("ulimits", list[Ulimit] | None) or ()),
        security=tuple(_json("securityopt", list[str] | None) or ()),
        auths=_auths(),
        client_id=query_text("buildid"),
    )


def _hosts() -> list[str]:
    """Repeated, or (docker-py) a JSON object's entries with commas between them."""
    return [each for value in query_list("extrahosts") for each in value.split(",") if each]


def _json(name: str, kind: Any) -> Any:
    text = query_text(name)
    if not text:
        return None
    try:
        return gojson.read(text.encode(), kind)
    except msgspec.MsgspecError as error:
        raise InvalidParameter(f"error reading {name}: {error}") from error


def _auths() -> Mapping[str, AuthConfig]:
    """X-Registry-Config: base64url of JSON, by registry. What cannot be read is none, as in dockerd."""
    text = request.headers.get("X-Registry-Config", "").strip().rstrip("=")
    if not text:
        return {}
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return gojson.read(raw, dict[str, AuthConfig])
    except (ValueError, msgspec.MsgspecError):
        return {}
