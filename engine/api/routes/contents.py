"""What is inside a container: archive (HEAD, GET, PUT), changes, export, commit."""

from __future__ import annotations

import base64

import msgspec
from quart import Response, request
from quart_trio import QuartTrio

from engine.api.bodies import body_stream, check_content_type, read_body
from engine.api.queries import query_bool, query_list, query_text
from engine.api.responses import empty_response, json_response, stream_response
from engine.api.routes.rooms import Rooms
from engine.domain.containers.commit import CommitRequest
from engine.models import gojson
from engine.models.containers import ContainerConfig, IdResponse
from engine.models.files import PathStat

TAR = "application/x-tar"
OCTETS = "application/octet-stream"  # of an export: dockerd names no more
STAT_HEADER = "X-Docker-Container-Path-Stat"


def register(app: QuartTrio, rooms: Rooms) -> None:
    contents = rooms.contents

    @app.route("/containers/<name>/archive", methods=["GET", "HEAD"])
    async def container_archive(name: str) -> Response:
        path = query_text("path")
        found = await contents.stat(name, path)
        if request.method == "HEAD":
            return empty_response(200, _headers(found))
        pieces = contents.archive(name, path)
        return stream_response(pieces, TAR, headers=_headers(found), headers_first=False)

    @app.put("/containers/<name>/archive")
    async def container_put_archive(name: str) -> Response:
        await contents.extract(
            name,
            query_text("path"),
            body_stream(),
            keep_kinds=query_bool("noOverwriteDirNonDir"),
            as_user=query_bool("copyUIDGID"),
        )
        return empty_response(200)

    @app.get("/containers/<name>/changes")
    async def container_changes(name: str) -> Response:
        return json_response(await contents.changes(name) or None)

    @app.get("/containers/<name>/export")
    async def container_export(name: str) -> Response:
        return stream_response(contents.export(name), OCTETS, headers_first=False)

    @app.post("/commit")
    async def commit() -> Response:
        made = await rooms.commits.commit(
            CommitRequest(
                reference=query_text("container"),
                repo=query_text("repo"),
                tag=query_text("tag"),
                comment=query_text("comment"),
                author=query_text("author"),
                pause=query_bool("pause", default=True),
                changes=tuple(query_list("changes")),
                config=await _config(),
            )
        )
        return json_response(IdResponse(id=made), 201)


async def _config() -> ContainerConfig | None:
    """The body, when there is one: an empty or a null one means the container's own config."""
    body = await read_body()
    if not body.strip() or body.strip() == b"null":
        return None
    check_content_type(request.headers.get("Content-Type", ""))
    return gojson.decode(body, ContainerConfig)


def _headers(found: PathStat) -> dict[str, str]:
    return {STAT_HEADER: base64.b64encode(msgspec.json.encode(found)).decode()}
