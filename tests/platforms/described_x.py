"""Does a request keep to X's own OpenAPI description?

The description is X's and not part of this project. It is read from the file that X_OPENAPI names,
or from `shared/specs` beside the working copy. Without it nothing is checked, and a test says so.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator

from .server import Asked

_ROOT = Path(__file__).resolve().parents[2]
_NOT_DESCRIBED = ("/2/oauth2/",)  # the token server has no description


@cache
def description() -> dict[str, Any] | None:
    """X's description, None where there is none."""
    named = os.environ.get("X_OPENAPI", "")
    places = [Path(named)] if named else []
    for above in _ROOT.parents[:3]:
        places += sorted((above / "shared" / "specs").glob("x-openapi-*.json"))
    for place in places:
        if place.is_file():
            found: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
            return found
    return None


def problems(asked: Asked) -> list[str]:
    """What of this request X does not describe; empty when all is, or nothing is known."""
    spec = description()
    if spec is None or asked.path.startswith(_NOT_DESCRIBED):
        return []
    found = _operation(spec, asked)
    if found is None:
        return [f"X has no {asked.method} {asked.path}"]
    operation, filled, parameters = found
    told = _parameter_problems(spec, parameters, filled, asked)
    return told + _body_problems(spec, operation, asked)


def _operation(
    spec: dict[str, Any], asked: Asked
) -> tuple[dict[str, Any], dict[str, str], list[dict[str, Any]]] | None:
    # Paths without a variable first: '/2/users/me' is no '/2/users/{id}'.
    for path in sorted(spec["paths"], key=lambda one: one.count("{")):
        names = re.findall(r"{(\w+)}", path)
        match = re.fullmatch(re.sub(r"{\w+}", "([^/]+)", path), asked.path)
        if match and asked.method.lower() in spec["paths"][path]:
            whole = spec["paths"][path]
            operation = whole[asked.method.lower()]
            parameters = [*whole.get("parameters", []), *operation.get("parameters", [])]
            resolved = [_resolve(spec, one) for one in parameters]
            return operation, dict(zip(names, match.groups(), strict=True)), resolved
    return None


def _resolve(spec: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in one:
        found: Any = spec
        for name in one["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        one = found
    return one


def _parameter_problems(
    spec: dict[str, Any],
    parameters: list[dict[str, Any]],
    filled: dict[str, str],
    asked: Asked,
) -> list[str]:
    told = []
    known = {one["name"]: one for one in parameters}
    for name, values in {**asked.query, **{k: [v] for k, v in filled.items()}}.items():
        if name not in known:
            told.append(f"no parameter {name}")
            continue
        schema = _resolve(spec, known[name]["schema"])
        told += _schema_problems(spec, schema, _typed(spec, schema, values[0]), name)
    for name, one in known.items():
        if one.get("required") and name not in asked.query and name not in filled:
            told.append(f"{name} is missing")
    return told


def _typed(spec: dict[str, Any], schema: dict[str, Any], value: str) -> Any:
    kind = schema.get("type")
    if kind == "array":
        return value.split(",")
    if kind in ("integer", "number") and re.fullmatch(r"-?\d+", value):
        return int(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    return value


def _body_problems(spec: dict[str, Any], operation: dict[str, Any], asked: Asked) -> list[str]:
    body = operation.get("requestBody")
    if body is None:
        return ["it takes no body"] if asked.body else []
    if not asked.body:
        return ["the body is missing"] if body.get("required") else []
    kind = asked.headers.get("content-type", "").partition(";")[0]
    if kind not in body["content"]:
        return [f"a body of {kind} is not taken"]
    value = asked.json()
    told = _schema_problems(spec, body["content"][kind]["schema"], value, "body")
    if isinstance(value, dict) and isinstance(value.get("media"), str):
        try:  # format 'byte', which JSON Schema knows nothing of
            base64.b64decode(value["media"], validate=True)
        except binascii.Error:
            told.append("media is not base64")
    return told


def _schema_problems(spec: dict[str, Any], schema: Any, value: Any, name: str) -> list[str]:
    whole = {"allOf": [schema], "components": spec["components"]}
    return [f"{name}: {error.message}" for error in Draft4Validator(whole).iter_errors(value)]
