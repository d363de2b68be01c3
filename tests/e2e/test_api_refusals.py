"""The API says what was wrong with a request, in one shape, and never breaks."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from e2e.running import Answer, Bot


@pytest.fixture(scope="module")
def waiting(either: Bot) -> int:
    """The id of a suggestion that nobody decides, whatever these tests ask for."""
    return int(either.hears("wm_who_waits", "太贵了")["id"])


def _refused(answer: Answer, status: int) -> None:
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    error = answer.json["error"]
    assert error.keys() == {"code", "message", "details"}
    assert error["code"] and error["message"]
    assert isinstance(error["details"], dict)


def _raw(bot: Bot, path: str, body: bytes) -> Answer:
    headers = {"Authorization": f"Bearer {bot.api_token}"}
    return bot.request("POST", f"/api/v1{path}", body=body, headers=headers)


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic d3Jvbmc=", "Bearer \xe9\xff", "wrong"],
)
def test_without_the_token_nobody_gets_in(shared_bot: Bot, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    for path in ("/suggestions", "/customers/wm_1", "/deliveries", "/nothing/here"):
        _refused(shared_bot.request("GET", f"/api/v1{path}", headers=headers), 401)
    _refused(
        shared_bot.request("POST", "/api/v1/suggestions/1/approve", body=b"{}", headers=headers),
        401,
    )


def test_the_token_of_the_callback_opens_nothing(shared_bot: Bot) -> None:
    headers = {"Authorization": f"Bearer {shared_bot.platform.credentials.token}"}
    _refused(shared_bot.request("GET", "/api/v1/suggestions", headers=headers), 401)


@pytest.mark.parametrize(
    "number",
    ["999999", "0", "-1", "abc", "1.5", "9" * 19, "9" * 40, "0" * 30 + "9" * 30, "²", "１"],
)
def test_an_unknown_id_is_not_found(either: Bot, number: str) -> None:
    for method, path in (
        ("POST", "/suggestions/{}/approve"),
        ("POST", "/suggestions/{}/reject"),
        ("GET", "/suggestions/{}"),
        ("GET", "/conversations/{}"),
        ("POST", "/conversations/{}/release"),
        ("POST", "/deliveries/{}/retry"),
    ):
        body = {} if method == "POST" else None
        _refused(either.api(method, path.format(quote(number)), body), 404)


def test_an_unknown_customer_is_not_found(either: Bot) -> None:
    for who in ("wm_nobody", "%00", "%ED%A0%80", "%F0%9F%98%80", "x" * 3000):
        _refused(either.api("GET", f"/customers/{who}"), 404)


def test_an_unknown_address_is_not_found(either: Bot) -> None:
    _refused(either.api("GET", "/nothing"), 404)
    _refused(either.api("PUT", "/suggestions"), 405)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b"[]",
        b'"text"',
        b"1",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"text": "a" "b"}',
    ],
)
def test_a_body_that_is_no_json_object(either: Bot, waiting: int, body: bytes) -> None:
    for verb in ("approve", "reject"):
        _refused(_raw(either, f"/suggestions/{waiting}/{verb}", body), 400)
    assert either.api("GET", f"/suggestions/{waiting}").json["status"] == "pending"


@pytest.mark.parametrize(
    "body",
    [
        {"text": 5},
        {"text": ["a"]},
        {"text": ""},
        {"text": "  \n "},
        {"text": "\x00"},
        {"text": "\ud800"},
        {"text": "长" * 683},
        {"script_id": 7},
        {"script_id": ""},
        {"script_id": "no.such.script"},
        {"script_id": "\ud800"},
        {"script_id": "\x00"},
        {"tekst": "a typo"},
        {"text": "a", "by": "somebody"},
    ],
)
def test_an_approval_of_the_wrong_kind(either: Bot, waiting: int, body: dict[str, Any]) -> None:
    answer = _raw(either, f"/suggestions/{waiting}/approve", json.dumps(body).encode())
    _refused(answer, 422)
    assert either.api("GET", f"/suggestions/{waiting}").json["status"] == "pending"


@pytest.mark.parametrize(
    "body", [{"reason": 5}, {"reason": "长" * 501}, {"why": "x"}, {"reason": "\ud800"}]
)
def test_a_rejection_of_the_wrong_kind(either: Bot, waiting: int, body: dict[str, Any]) -> None:
    answer = _raw(either, f"/suggestions/{waiting}/reject", json.dumps(body).encode())
    _refused(answer, 422)


def test_characters_that_a_database_cannot_keep(either: Bot, waiting: int) -> None:
    body = b'{"reason": "a\\u0000b"}'
    _refused(_raw(either, f"/suggestions/{waiting}/reject", body), 422)
    conversation = either.api("GET", f"/suggestions/{waiting}").json["conversation"]["id"]
    _refused(_raw(either, f"/conversations/{conversation}/hold", body), 422)


def test_the_longest_text_that_wecom_takes(either: Bot, customer: str) -> None:
    suggestion = either.hears(customer, "太贵了")
    text = "长" * 682 + "ab"
    assert len(text.encode()) == 2048
    assert either.approve(suggestion["id"], text=text).status == 200
    assert either.delivered(customer) == [text]


def test_a_compressed_body_that_is_not(either: Bot, waiting: int) -> None:
    headers = {"Authorization": f"Bearer {either.api_token}", "Content-Encoding": "gzip"}
    path = f"/api/v1/suggestions/{waiting}/approve"
    _refused(either.request("POST", path, body=b"no gzip", headers=headers), 400)


@pytest.mark.parametrize(
    "query",
    ["status=open", "limit=0", "limit=201", "limit=x", "limit=1e2", "stat=pending", "limit="],
)
def test_a_query_of_the_wrong_kind(either: Bot, query: str) -> None:
    _refused(either.api("GET", f"/suggestions?{query}"), 422)


@pytest.mark.parametrize(
    "cursor", ["x", "%F0%9F%98%80", "czk5OTk5OTk5OTk5OTk5OTk5OTk", "c8Ky", "=", "c_"]
)
def test_a_cursor_that_was_never_given(either: Bot, cursor: str) -> None:
    answer = either.api("GET", f"/suggestions?cursor={cursor}")
    _refused(answer, 400)


def test_a_customer_with_odd_characters_has_no_suggestions(either: Bot) -> None:
    for who in ("%00", "%ED%A0%80", "'%20OR%201=1--"):
        answer = either.api("GET", f"/suggestions?external_userid={who}")
        assert answer.status in (200, 422), answer.text
        if answer.status == 200:
            assert answer.json["items"] == []


def test_pages_of_suggestions(either: Bot, customer: str) -> None:
    people = [f"{customer}_{number}" for number in range(5)]
    for who in people:
        either.platform.says(who, "太贵了")
    either.told()
    for who in people:
        either.suggestion(who)
    seen: list[int] = []
    cursor = ""
    while True:
        page = either.api("GET", f"/suggestions?limit=2&cursor={cursor}").json
        assert len(page["items"]) <= 2
        seen += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]
    assert seen == sorted(set(seen))
    assert {either.suggestion(who)["id"] for who in people} <= set(seen)


def test_the_document_of_the_api_is_public(shared_bot: Bot) -> None:
    answer = shared_bot.get("/api/v1/openapi.json")
    assert answer.status == 200
    assert answer.json["openapi"].startswith("3.")
    assert "/api/v1/suggestions/{id}/approve" in answer.json["paths"]


def test_health_needs_no_token_and_tells_no_secret(shared_bot: Bot) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        answer = shared_bot.get(path)
        assert answer.status == 200
        for secret in (*shared_bot.platform.credentials.secrets, shared_bot.api_token):
            assert secret not in answer.text
