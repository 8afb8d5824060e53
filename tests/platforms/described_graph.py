"""Does a request keep to the Graph API's own parameter types?

They are read out of Meta's `facebook_business` package, a library of the tests alone: each edge is
a method there that names its HTTP method, its parameters and their types. Nothing of it is run.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .server import Asked

# The classes of the nodes that the adapters ask, by what the fake calls them.
NODES = {
    "page": "page.py",
    "person": "user.py",
    "post": "pagepost.py",
    "comment": "comment.py",
    "video": "advideo.py",
    "thread": "unifiedthread.py",
    "ig account": "iguser.py",
    "ig media": "igmedia.py",
    "ig comment": "igcomment.py",
}
_EVERYWHERE = {"fields", "limit", "after", "before", "appsecret_proof"}
_FILES = {"photos": {"source"}, "videos": {"video_file_chunk"}}


@dataclass(frozen=True)
class Edge:
    """What one edge takes by one method: the types of its parameters, and where enums are from."""

    types: dict[str, str]
    enums: dict[str, ast.expr]


def _folder() -> Path:
    found = importlib.util.find_spec("facebook_business")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "adobjects"


@cache
def edges(node: str) -> dict[tuple[str, str], Edge]:
    """The edges of one kind of node, by method and name ('' for the node itself)."""
    tree = ast.parse((_folder() / NODES[node]).read_text(encoding="utf-8"))
    found = {}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            key, edge = _edge(function)
            if key is not None and edge is not None:
                found[key] = edge
    return found


def _edge(function: ast.FunctionDef) -> tuple[tuple[str, str] | None, Edge | None]:
    types: dict[str, str] = {}
    enums: dict[str, ast.expr] = {}
    key = None
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            name = getattr(node.targets[0], "id", "")
            pairs = zip(node.value.keys, node.value.values, strict=True)
            if name == "param_types":
                types = {k.value: v.value for k, v in pairs}  # type: ignore[union-attr,attr-defined]
            elif name == "enums":
                enums = {k.value: v for k, v in pairs}  # type: ignore[union-attr]
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "FacebookRequest":
            said = {
                k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)
            }
            key = (said["method"], said["endpoint"].strip("/"))
    return key, Edge(types, enums) if key else None


def _values(value: ast.expr) -> list[str]:
    """The values of an enum: written out, or those of a class of one of the modules."""
    if isinstance(value, ast.List):
        return [one.value for one in value.elts]  # type: ignore[attr-defined]
    chain = ast.unparse(value).split(".")
    return _class_values(chain[0].lower(), chain[1])


@cache
def _class_values(module: str, name: str) -> list[str]:
    tree = ast.parse((_folder() / f"{module}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return [
                one.value.value
                for one in node.body
                if isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant)
            ]
    raise AssertionError(f"no {name} in {module}")


def problems(asked: Asked, node: str) -> list[str]:
    """What of this request to a node of that kind Meta does not describe."""
    _, _, rest = asked.path.strip("/").partition("/")
    edge_name = rest.partition("/")[2]
    edge = edges(node).get((asked.method, edge_name))
    if edge is None:
        return [f"{node} has no {asked.method} /{edge_name}"]
    given = {name: values[0] for name, values in asked.query.items()}
    if asked.headers.get("content-type", "").startswith("multipart/"):
        files = _FILES.get(edge_name, set())
        given |= {k: v.decode() for k, v in asked.parts().items() if k not in files}
    elif asked.body:
        given |= {name: values[0] for name, values in asked.form().items()}
    told = []
    for name, value in given.items():
        if name in _EVERYWHERE:
            continue
        if name not in edge.types:
            told.append(f"{node}/{edge_name} takes no {name}")
        elif not is_of(edge.types[name], value, edge.enums):
            told.append(f"{name}={value[:40]!r} is no {edge.types[name]}")
    return told


def is_of(kind: str, value: str, enums: dict[str, ast.expr]) -> bool:
    """Is this text, as it goes over the wire, a value of the type?"""
    if kind.endswith("_enum"):
        return value.upper() in [one.upper() for one in _values(enums[kind])]
    inner = re.fullmatch(r"list<(.+)>", kind)
    if inner or kind == "list":
        return _is_list(inner.group(1) if inner else "string", value, enums)
    checks = {
        "bool": lambda: value in ("true", "false"),
        "int": lambda: re.fullmatch(r"-?\d+", value),
        "unsigned int": lambda: re.fullmatch(r"\d+", value),
        "float": lambda: re.fullmatch(r"-?\d+(\.\d+)?", value),
        "datetime": lambda: re.fullmatch(r"\d+|\d{4}-\d\d-\d\d.*", value),
        "map": lambda: isinstance(_json(value), dict),
        "Object": lambda: True,
        "string": lambda: True,
        "file": lambda: True,
    }
    return bool(checks[kind]())


def _is_list(inner: str, value: str, enums: dict[str, ast.expr]) -> bool:
    found = _json(value)
    if isinstance(found, list):
        items = [one if isinstance(one, str) else json.dumps(one) for one in found]
    elif value.startswith("{"):
        return False
    else:  # Graph takes plain lists with commas, too
        items = value.split(",")
    if inner == "Object":
        return all(isinstance(_json(one), dict) for one in items)
    return all(is_of(inner, one, enums) for one in items)


def _json(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return None
