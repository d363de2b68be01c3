"""The OpenAPI document: whole, resolvable, and true of what is served."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from apishop import Api

from bot.web.api.openapi import openapi
from bot.web.api.routes import ENDPOINTS
from bot.web.application import web_application

DOCUMENT = openapi(ENDPOINTS)
OPERATIONS = [
    (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


BESIDE_THE_TABLE = {
    ("get", "/api/v1/openapi.json"),
}


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref":
                yield item
            else:
                yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def resolve(reference: str) -> dict[str, Any]:
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    assert isinstance(found, dict)
    return found


def test_the_head_is_openapi_31() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert DOCUMENT["info"]["title"]
    assert DOCUMENT["info"]["version"]
    assert DOCUMENT["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        assert reference.startswith("#/components/schemas/")
        resolve(reference)


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z_0-9]+", name) for name in names)


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_an_operation_is_complete(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
    assert named == set(re.findall(r"{(\w+)}", path))
    for one in operation["parameters"]:
        assert one["in"] in {"path", "query"}
        assert isinstance(one["schema"], dict)
        assert one["required"] or one["in"] == "query"
    assert "401" in operation["responses"]
    good = [code for code in operation["responses"] if code.startswith("2")]
    assert good
    for answer in operation["responses"].values():
        assert answer["description"]
        assert all(kind["schema"] for kind in answer["content"].values())
        assert answer["content"]
    assert (method == "get") <= ("requestBody" not in operation)


def test_what_is_served_is_what_is_written() -> None:
    served = {
        (route.method.lower(), route.resource.canonical)
        for route in web_application().router.routes()
        if route.resource is not None
        and route.resource.canonical.startswith("/api/v1/")
        and route.method not in {"HEAD", "OPTIONS"}
    }
    written = {(method, path) for method, path, _ in OPERATIONS}
    assert served - written == BESIDE_THE_TABLE
    assert written <= served


def test_the_first_resources_are_all_there() -> None:
    assert {
        "/api/v1/suggestions",
        "/api/v1/suggestions/{id}/approve",
        "/api/v1/suggestions/{id}/reject",
        "/api/v1/customers/{external_userid}",
    } <= set(DOCUMENT["paths"])


def check(value: Any, schema: dict[str, Any], where: str) -> None:
    """Whether a JSON value is what a schema says, for the keywords that we use."""
    if "$ref" in schema:
        return check(value, resolve(schema["$ref"]), where)
    if "anyOf" in schema:
        return _check_any(value, schema["anyOf"], where)
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
    }
    if "type" in schema:
        assert isinstance(value, kinds[schema["type"]]), where
    if "enum" in schema:
        assert value in schema["enum"], where
    if "const" in schema:
        assert value == schema["const"], where
    if isinstance(value, dict):
        known = schema.get("properties", {})
        assert set(schema.get("required", ())) <= set(value), where
        assert not known or set(value) <= set(known), where
        for name, item in value.items():
            check(item, known.get(name, {}), f"{where}.{name}")
    if isinstance(value, list):
        for item in value:
            check(item, schema.get("items", {}), f"{where}[]")


def _check_any(value: Any, schemas: list[dict[str, Any]], where: str) -> None:
    faults = []
    for schema in schemas:
        try:
            return check(value, schema, where)
        except AssertionError as fault:
            faults.append(fault)
    raise AssertionError(f"{where}: {faults}")


async def test_answers_are_what_the_document_says(api: Api) -> None:
    one = await api.suggest()
    talk = (await api.get(f"suggestions/{one}"))[1]["conversation"]["id"]
    asked = [
        ("get", "/suggestions", "suggestions", None),
        ("get", "/suggestions/{id}", f"suggestions/{one}", None),
        ("get", "/suggestions/{id}", "suggestions/999", None),
        ("get", "/customers/{external_userid}", "customers/wmA", None),
        ("get", "/conversations/{id}", f"conversations/{talk}", None),
        ("post", "/conversations/{id}/hold", f"conversations/{talk}/hold", {}),
        ("post", "/conversations/{id}/release", f"conversations/{talk}/release", {}),
        ("post", "/suggestions/{id}/approve", f"suggestions/{one}/approve", {"text": 5}),
        ("post", "/suggestions/{id}/approve", f"suggestions/{one}/approve", {}),
        ("post", "/suggestions/{id}/approve", f"suggestions/{one}/approve", {}),
        ("post", "/suggestions/{id}/reject", f"suggestions/{one}/reject", {}),
        ("get", "/deliveries", "deliveries", None),
    ]
    for method, path, called, body in asked:
        more = {} if body is None else {"json": body}
        status, answer = await api.call(method.upper(), f"api/v1/{called}", **more)
        responses = DOCUMENT["paths"][f"/api/v1{path}"][method]["responses"]
        assert str(status) in responses, (called, status)
        schema = responses[str(status)]["content"]["application/json"]["schema"]
        check(answer, schema, called)


async def test_the_served_document_is_this_one(api: Api) -> None:
    status, served = await api.call("GET", "api/v1/openapi.json", headers={"Authorization": ""})
    assert (status, served) == (200, DOCUMENT)
