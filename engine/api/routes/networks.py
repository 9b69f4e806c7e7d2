"""Networks: list, inspect, create, remove, connect, disconnect, prune, and the operators' view of the firewall."""

from __future__ import annotations

from quart import Response
from quart_trio import QuartTrio

from engine.api.app import api_version
from engine.api.bodies import read_json
from engine.api.queries import query_filters
from engine.api.responses import empty_response, json_response
from engine.api.routes.rooms import Rooms
from engine.api.versions import down
from engine.models.networks import (
    EndpointSettings,
    NetworkConnectRequest,
    NetworkCreateRequest,
    NetworkCreateResponse,
    NetworkDisconnectRequest,
    NetworkPruneReport,
)


def register(app: QuartTrio, rooms: Rooms) -> None:
    networks, containers = rooms.networks, rooms.containers

    @app.get("/networks")
    async def network_list() -> Response:
        return json_response(down("network", networks.list(query_filters()), api_version()))

    @app.get("/networks/<name>")
    async def network_inspect(name: str) -> Response:
        return json_response(down("network", networks.inspect(name), api_version()))

    @app.post("/networks/create")
    async def network_create() -> Response:
        record = await networks.create(await read_json(NetworkCreateRequest))
        return json_response(NetworkCreateResponse(id=record.id), 201)

    @app.post("/networks/prune")
    async def network_prune() -> Response:
        gone = await networks.prune(query_filters())
        return json_response(NetworkPruneReport(networks_deleted=gone or None))

    @app.delete("/networks/<name>")
    async def network_delete(name: str) -> Response:
        await networks.remove(name)
        return empty_response()

    @app.post("/networks/<name>/connect")
    async def network_connect(name: str) -> Response:
        request = await read_json(NetworkConnectRequest)
        settings = request.endpoint_config or EndpointSettings()
        await containers.connect(request.container, name, settings)
        return empty_response(200)

    @app.post("/networks/<name>/disconnect")
    async def network_disconnect(name: str) -> Response:
        request = await read_json(NetworkDisconnectRequest)
        await containers.disconnect(request.container, name, force=request.force)
        return empty_response(200)

    @app.get("/_trimaran/firewall")
    async def firewall() -> Response:
        return json_response(await networks.firewall())
