"""Registries: login, what a name stands for there, and the credentials that requests carry."""

from __future__ import annotations

import base64

import msgspec
from quart import Response, request
from quart_trio import QuartTrio

from engine.api.bodies import read_json
from engine.api.responses import json_response
from engine.api.routes.rooms import Rooms
from engine.models import gojson
from engine.models.registry import AuthConfig


def register(app: QuartTrio, rooms: Rooms) -> None:
    images = rooms.images

    @app.post("/auth")
    async def auth() -> Response:
        return json_response(await images.login(await read_json(AuthConfig)))

    @app.get("/distribution/<path:name>/json")
    async def distribution_inspect(name: str) -> Response:
        return json_response(await images.distribution(name, auth=registry_auth()))


def registry_auth() -> AuthConfig:
    """X-Registry-Auth: base64url of JSON, padded or not. What cannot be read is none, as in dockerd."""
    text = request.headers.get("X-Registry-Auth", "").strip().rstrip("=")
    if not text:
        return AuthConfig()
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return gojson.read(raw, AuthConfig)
    except (ValueError, msgspec.MsgspecError):
        return AuthConfig()
