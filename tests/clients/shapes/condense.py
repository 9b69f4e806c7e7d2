"""`python -m tests.clients.shapes.condense SWAGGER`: the fields of the answers, out of the API's description.

Needs PyYAML, which nothing else here does. What it writes, `fields_1.51.json`, has for each operation
its answer's type, and for each type that one needs its fields. A type is written as

- `string`, `integer`, `number`, `boolean` or `any`, and `@Name` for another type of the table;
- `[T]` for a list of T, `{"*": T}` for a map to T, `{"field": T, ...}` for an object;
- with `?` at its end, or in `{"?": T}`, where null is an answer too.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

FIELDS = Path(__file__).with_name("fields_1.51.json")
_OURS = re.compile(r"/containers/|/exec/|/commit$")
_SCALARS = ("string", "integer", "number", "boolean")


def condensed(whole: dict[str, Any]) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for path, methods in whole["paths"].items():
        for method, operation in methods.items():
            for code, answer in operation["responses"].items():
                if _OURS.search(path) and int(code) < 300 and "schema" in answer:
                    answers[f"{method.upper()} {path} {code}"] = type_of(answer["schema"])
    answers["error"] = type_of(whole["definitions"]["ErrorResponse"])
    types: dict[str, Any] = {}
    wanted = _named(answers)
    while wanted:
        name = wanted.pop()
        types[name] = type_of(whole["definitions"][name])
        wanted |= _named(types[name]) - types.keys()
    return {"answers": answers, "types": types}


def _named(types: Any) -> set[str]:
    return set(re.findall(r'"@(\w+)', json.dumps(types)))


def type_of(schema: dict[str, Any]) -> Any:
    found = _bare(schema)
    if not schema.get("x-nullable"):
        return found
    return f"{found}?" if isinstance(found, str) else {"?": found}


def _bare(schema: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return "@" + schema["$ref"].rpartition("/")[2]
    if "allOf" in schema:
        parts = [_bare(each) for each in schema["allOf"]]
        if len(parts) == 1:
            return parts[0]
        return {"all": parts}
    if schema.get("type") == "array":
        return [type_of(schema["items"])]
    if "properties" in schema:
        return {name: type_of(each) for name, each in schema["properties"].items()}
    if isinstance(schema.get("additionalProperties"), dict):
        return {"*": type_of(schema["additionalProperties"])}
    return schema["type"] if schema.get("type") in _SCALARS else "any"


if __name__ == "__main__":
    read = importlib.import_module("yaml").safe_load(Path(sys.argv[1]).read_text())
    FIELDS.write_text(json.dumps(condensed(read), indent=1) + "\n")
