from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from quart_trio import QuartTrio

from engine.api.routes import metrics, page, reload, unserved
from engine.api.routes.openapi import FILE
from tests.engine.api.routes.house import house

DOCUMENT = json.loads(FILE.read_text())
OWN = [
    "/_trimaran/status",
    "/_trimaran/health",
    "/_trimaran/tasks",
    "/_trimaran/config",
    "/_trimaran/openapi.json",
    "/_trimaran/firewall",
    "/_trimaran/storage",
    "/_trimaran/containers/{name}/log",
    "/_trimaran/containers/{name}/timeline",
]
KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def plain(rule: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)


def registered(app: QuartTrio) -> set[tuple[str, str]]:
    return {
        (method, plain(rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in ("OPTIONS",)
    }


async def test_each_route_is_described_and_nothing_else(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        from engine.api.app import create_app
        from engine.api.routes import register

        def everything(app: QuartTrio) -> None:
            nothing: Any = None
            register(app, at.rooms())
            page.register(app, nothing)
            metrics.register(app, nothing)
            reload.register(app, nothing)

        app = create_app(everything)
        refused = {(method, plain(rule)) for method, rule in unserved.operations(unserved.SWARM)}
        described = {
            (method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item
        }
        assert described == registered(app) - refused


def test_operations_have_names_of_their_own_and_tell_their_parameters() -> None:
    operations = [
        (path, each) for path, item in DOCUMENT["paths"].items() for each in item.values()
    ]
    names = [each["operationId"] for _, each in operations]
    assert len(names) == len(set(names))
    for path, each in operations:
        told = {p["name"] for p in each.get("parameters", ()) if p["in"] == "path"}
        assert told == set(re.findall(r"\{(\w+)\}", path)), path
        assert each["summary"]
        assert each["responses"]


def check(value: Any, schema: dict[str, Any], where: str) -> None:
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds:
        fits = any(isinstance(value, KINDS[kind]) for kind in kinds)
        assert fits, f"{where}: {value!r} is no {kinds}"
    if "enum" in schema:
        assert value in schema["enum"], where
    if isinstance(value, dict):
        missing = set(schema.get("required", ())) - value.keys()
        assert not missing, f"{where} lacks {missing}"
        known = schema.get("properties", {})
        for name, inner in value.items():
            if name in known:
                check(inner, known[name], f"{where}.{name}")
            elif "additionalProperties" in schema:
                assert schema["additionalProperties"] is not False, (
                    f"{where}.{name} is not described"
                )
                check(inner, schema["additionalProperties"], f"{where}.{name}")
    if isinstance(value, list):
        for n, inner in enumerate(value):
            check(inner, schema.get("items", {}), f"{where}[{n}]")


@pytest.mark.parametrize("path", OWN)
async def test_answer_is_as_described(tmp_path: Path, path: str) -> None:
    async with house(tmp_path) as at:
        await at.run("first")
        answer = await at.ask("GET", path.replace("{name}", "first"))
        told = DOCUMENT["paths"][path]["get"]["responses"][str(answer.status)]
        check(answer.json, told["content"]["application/json"]["schema"], path)


def test_check_finds_what_is_wrong() -> None:
    node = {"$ref": "#/components/schemas/Service"}
    with pytest.raises(AssertionError, match="lacks"):
        check({"name": "root"}, node, "it")
    with pytest.raises(AssertionError, match="is no"):
        check(3, node, "it")
