"""`/api/v1/openapi.json`, made from the same table that serves the requests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from bot import __version__
from bot.errors import BotError, Unauthorized
from bot.web.api.endpoint import PREFIX, Endpoint, Nothing

_REF = "#/components/schemas/{model}"
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {"type": "object"},
            },
        }
    },
}


def openapi(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these endpoints."""
    names, schemas = _schemas(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        operation = _operation(endpoint, names, schemas)
        paths.setdefault(PREFIX + endpoint.path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "wecom-assistant", "version": __version__},
        "paths": paths,
        "security": [{"bearer": []}],
        "components": {
            "schemas": {**schemas, "Error": _ERROR},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas(
    endpoints: Sequence[Endpoint],
) -> tuple[dict[tuple[Any, str], str], dict[str, Any]]:
    wanted: list[tuple[type[BaseModel], Any]] = []
    for endpoint in endpoints:
        wanted.append((endpoint.query, "validation"))
        if endpoint.response:
            wanted.append((endpoint.response, "serialization"))
        if endpoint.body:
            wanted.append((endpoint.body, "validation"))
    references, document = models_json_schema(wanted, ref_template=_REF)
    names: dict[tuple[Any, str], str] = {
        (model, mode): reference["$ref"].rsplit("/", 1)[-1]
        for (model, mode), reference in references.items()
    }
    return names, dict(document.get("$defs", {}))


def _operation(
    endpoint: Endpoint, names: dict[tuple[Any, str], str], schemas: dict[str, Any]
) -> dict[str, Any]:
    answer = _file(endpoint.files)
    if endpoint.response:
        answer = _json(_REF.format(model=names[endpoint.response, "serialization"]))
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": [*_path(endpoint), *_query(endpoint, names, schemas)],
        "responses": {
            **{
                str(status): {"description": endpoint.summary, "content": answer}
                for status in (endpoint.status, endpoint.repeat_status)
                if status is not None
            },
            **_refusals((*endpoint.errors, Unauthorized)),
        },
    }
    if endpoint.body:
        body = _json(_REF.format(model=names[endpoint.body, "validation"]))
        operation["requestBody"] = {"required": False, "content": body}
    return operation


def _path(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer", "minimum": 1} if name == "id" else {"type": "string"},
        }
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]


def _query(
    endpoint: Endpoint, names: dict[tuple[Any, str], str], schemas: dict[str, Any]
) -> list[dict[str, Any]]:
    if endpoint.query is Nothing:
        return []
    schema = schemas[names[endpoint.query, "validation"]]
    required = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": field}
        for name, field in schema.get("properties", {}).items()
    ]


def _refusals(errors: Iterable[type[BotError]]) -> dict[str, Any]:
    by_status: dict[str, list[str]] = {}
    for error in errors:
        by_status.setdefault(str(error.status), []).append(error.code)
    return {
        status: {
            "description": "、".join(dict.fromkeys(codes)),
            "content": _json(_REF.format(model="Error")),
        }
        for status, codes in sorted(by_status.items())
    }


def _file(content_types: Sequence[str]) -> dict[str, Any]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    return dict.fromkeys(content_types, binary)


def _json(reference: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": reference}}}
