"""Volumes: create, list, inspect, remove, prune."""

from __future__ import annotations

from quart import Response
from quart_trio import QuartTrio

from engine.api.app import api_version
from engine.api.bodies import read_json
from engine.api.queries import query_bool, query_filters
from engine.api.responses import empty_response, json_response
from engine.api.routes.rooms import Rooms
from engine.api.routes.unserved import NOT_A_MANAGER
from engine.errors import Unavailable
from engine.models.volumes import VolumeCreateRequest

# Older clients' prune takes named volumes too.
ANONYMOUS_PRUNE_SINCE = (1, 42)
CLUSTER_VOLUMES_SINCE = (1, 42)


def register(app: QuartTrio, rooms: Rooms) -> None:
    volumes = rooms.volumes

    @app.get("/volumes")
    async def volume_list() -> Response:
        return json_response(volumes.list(query_filters()))

    @app.get("/volumes/<path:name>")
    async def volume_inspect(name: str) -> Response:
        return json_response(await volumes.describe(name))

    @app.post("/volumes/create")
    async def volume_create() -> Response:
        request = await read_json(VolumeCreateRequest)
        if request.cluster_volume_spec is not None and api_version() >= CLUSTER_VOLUMES_SINCE:
            raise Unavailable(NOT_A_MANAGER)
        return json_response(await volumes.create(request), 201)

    @app.delete("/volumes/<path:name>")
    async def volume_delete(name: str) -> Response:
        await volumes.remove(name, force=query_bool("force"))
        return empty_response()

    @app.post("/volumes/prune")
    async def volume_prune() -> Response:
        everything = api_version() < ANONYMOUS_PRUNE_SINCE
        return json_response(await volumes.prune(query_filters(), everything=everything))

    @app.put("/volumes/<path:name>")
    async def volume_update(name: str) -> Response:  # noqa: ARG001  the rule's variable
        raise Unavailable("volume update only valid for cluster volumes, but swarm is unavailable")
