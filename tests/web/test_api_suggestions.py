"""The guide's decision over REST, and everything that may be wrong with a request."""

from __future__ import annotations

import asyncio
import base64
import json
from io import BytesIO
from itertools import product
from typing import Any

import pytest
from apishop import API_TOKEN, CHOICE, Api
from sqlalchemy import func, select
from yarl import URL

from bot.store.tables import Outbound

OTHER = CHOICE | {"script_id": "stock.no", "text": "没有了", "parts": [{"text": "没有了"}]}


async def sends(api: Api) -> int:
    async with api.database.read() as session:
        return await session.scalar(select(func.count()).select_from(Outbound)) or 0


async def test_the_list_has_the_promised_shape(api: Api) -> None:
    one = await api.suggest(CHOICE, OTHER)
    status, page = await api.get("suggestions", status="pending")
    assert (status, page["next_cursor"]) == (200, None)
    (item,) = page["items"]
    assert (item["id"], item["status"]) == (one, "pending")
    assert item["conversation"]["kind"] == "kf"
    assert item["conversation"]["open_kfid"]
    assert item["customer"] == {
        "external_userid": "wmA",
        "name": "小林",
        "stage": "icebreak",
    }
    assert item["burst"] == {"text": "还有L码吗", "at": "2026-11-20T10:00:00+08:00"}
    assert item["understanding"]["intent"] == "ask_stock"
    assert item["understanding"]["ranking"] == [{"intent": "ask_stock", "confidence": 0.91}]
    assert [choice["script_id"] for choice in item["choices"]] == ["stock.yes", "stock.no"]
    assert item["choices"][0]["reasons"] == ["意图一致"]
    assert await api.get(f"suggestions/{one}") == (200, item)


async def test_paging_gives_each_once_and_ends(api_on_both: Api) -> None:
    api = api_on_both
    ids = [await api.suggest(who=f"wm{number}") for number in range(7)]
    seen, cursor = list[int](), ""
    for _ in range(4):
        status, page = await api.get("suggestions", limit="2", cursor=cursor)
        assert status == 200
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids
    assert cursor is None


async def test_lists_are_filtered(api_on_both: Api) -> None:
    api = api_on_both
    one, two = await api.suggest(who="wmA"), await api.suggest(who="wmB")
    await api.post(f"suggestions/{one}/reject", {"reason": "不合适"})

    async def ids(**query: str) -> list[int]:
        _, page = await api.get("suggestions", **query)
        return [item["id"] for item in page["items"]]

    assert await ids() == [two]
    assert await ids(status="rejected") == [one]
    assert await ids(status="all") == [one, two]
    assert await ids(status="all", external_userid="wmA") == [one]
    assert await ids(status="approved") == []


async def test_approving_nothing_sends_the_first_choice(api: Api) -> None:
    one = await api.suggest(CHOICE, OTHER)
    status, answer = await api.post(f"suggestions/{one}/approve")
    assert (status, answer["id"], answer["status"]) == (200, one, "approved")
    row = await api.outbound(answer["outbound_id"])
    assert row.payload["part"] == {"text": "有货的"}


async def test_an_approval_without_any_body(api: Api) -> None:
    one = await api.suggest()
    status, _ = await api.call("POST", f"api/v1/suggestions/{one}/approve")
    assert status == 200


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ({"script_id": "stock.no"}, "没有了"),
        ({"text": "亲，还有呢"}, "亲，还有呢"),
        ({"script_id": None, "text": None}, "有货的"),
    ],
)
async def test_approving_something_else(api: Api, body: dict[str, Any], sent: str) -> None:
    one = await api.suggest(CHOICE, OTHER)
    _, answer = await api.post(f"suggestions/{one}/approve", body)
    assert (await api.outbound(answer["outbound_id"])).text == sent
    _, shown = await api.get(f"suggestions/{one}")
    assert (shown["status"], shown["sent_text"], shown["decided_by"]) == ("approved", sent, "api")


async def test_the_second_decision_is_409_and_says_who_won(api: Api) -> None:
    one = await api.suggest()
    await api.post(f"suggestions/{one}/approve")
    for action in ("approve", "reject"):
        status, answer = await api.post(f"suggestions/{one}/{action}")
        assert (status, answer["error"]["code"]) == (409, "already_decided")
        assert answer["error"]["details"]["decided_by"] == "api"
    assert await sends(api) == 1


async def test_ten_approvals_at_once_are_one(api_on_both: Api) -> None:
    api = api_on_both
    one = await api.suggest()
    answers = await asyncio.gather(*(api.post(f"suggestions/{one}/approve") for _ in range(10)))
    assert sorted(status for status, _ in answers) == [200] + [409] * 9
    assert await sends(api) == 1


WRONG_BODIES: dict[str, tuple[bytes, int]] = {
    "not JSON": (b"{text: 1}", 400),
    "half a JSON": (b'{"text": "a', 400),
    "a list": (b"[]", 400),
    "a word": (b'"text"', 400),
    "not UTF-8": (b'{"text": "\xff"}', 400),
    "too deep": (b"[" * 100_000, 400),
    "a number for a text": (b'{"text": 5}', 422),
    "an unknown key": (b'{"txet": "a"}', 422),
    "an empty text": (b'{"text": " "}', 422),
    "NUL": (rb'{"text": "a\u0000b"}', 422),
    "half an emoji": (rb'{"text": "a\ud83d"}', 422),
    "an unknown script": (b'{"script_id": "nope"}', 422),
    "a script with NUL": (rb'{"script_id": "a\u0000"}', 422),
    "an empty script": (b'{"script_id": ""}', 422),
    "a long text": (b'{"text": "' + b"a" * 2049 + b'"}', 422),
    "a huge body": (b'{"text": "' + b"a" * 2**21 + b'"}', 413),
}


async def test_a_wrong_body_is_refused_and_decides_nothing(api_on_both: Api) -> None:
    api = api_on_both
    one = await api.suggest()
    for name, (body, expected) in WRONG_BODIES.items():
        status, answer = await api.call(
            "POST",
            f"api/v1/suggestions/{one}/approve",
            data=BytesIO(body),
            headers={"Content-Type": "application/json"},
        )
        assert status == expected, name
        assert set(answer["error"]) == {"code", "message", "details"}, name
    _, shown = await api.get(f"suggestions/{one}")
    assert shown["status"] == "pending"


async def test_a_reason_that_cannot_be_kept_is_422(api_on_both: Api) -> None:
    api = api_on_both
    one = await api.suggest()
    for reason in ("a\x00b", "\ud83d", "好" * 501, 5, None):
        body = json.dumps({"reason": reason})
        status, answer = await api.call(
            "POST", f"api/v1/suggestions/{one}/reject", data=body.encode()
        )
        assert status == 422, reason
        assert answer["error"]["message"]


WRONG_IDS = [
    "0",
    "-1",
    "x",
    "1.5",
    "999",
    "9" * 19,
    "9" * 25,
    "0" * 20 + "9" * 30,
    "%00",
    "%E2%91%A0",
    "1%2F2",
]


PATHS = [
    ("GET", "suggestions/{}"),
    ("POST", "suggestions/{}/approve"),
    ("POST", "suggestions/{}/reject"),
    ("GET", "conversations/{}"),
    ("POST", "conversations/{}/hold"),
    ("POST", "deliveries/{}/retry"),
]


async def test_an_id_that_is_none_is_404(api_on_both: Api) -> None:
    for wrong in WRONG_IDS:
        for method, path in PATHS:
            status, answer = await api_on_both.call(method, "api/v1/" + path.format(wrong))
            assert (status, answer["error"]["code"]) == (404, "not_found"), (path, wrong)


def cursor(plain: str) -> str:
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


WRONG_QUERIES: dict[str, dict[str, str]] = {
    "an unknown status": {"status": "open"},
    "an unknown key": {"page": "2"},
    "no limit": {"limit": "0"},
    "a large limit": {"limit": "201"},
    "a worded limit": {"limit": "many"},
    "a strange cursor": {"cursor": "nonsense!"},
    "a Chinese cursor": {"cursor": "下一页"},
    "a cursor of words": {"cursor": cursor("hello")},
    "a cursor too large": {"cursor": cursor("s" + "9" * 19)},
    "a cursor of odd digits": {"cursor": cursor("s²")},
    "a negative cursor": {"cursor": cursor("s-1")},
    "a listed cursor": {"cursor": cursor("[9999999999999999999999]")},
    "NUL": {"external_userid": "a\x00b"},
}


async def test_a_wrong_query_is_refused(api_on_both: Api) -> None:
    for name, query in WRONG_QUERIES.items():
        status, answer = await api_on_both.get("suggestions", **query)
        assert status in {400, 422}, name
        assert answer["error"]["message"]


async def test_holding_and_releasing_over_rest(api: Api) -> None:
    one = await api.suggest()
    _, shown = await api.get(f"suggestions/{one}")
    talk = shown["conversation"]["id"]
    assert await api.post(f"conversations/{talk}/hold", {"reason": "我来"}) == (
        200,
        {"id": talk, "status": "held"},
    )
    assert (await api.get(f"suggestions/{one}"))[1]["conversation"]["held"] is True
    status, _ = await api.post(f"conversations/{talk}/release")
    assert status == 200
    assert (await api.get(f"suggestions/{one}"))[1]["conversation"]["held"] is False


async def test_a_customer_with_history_or_404(api_on_both: Api) -> None:
    api = api_on_both
    await api.suggest()
    status, customer = await api.get("customers/wmA")
    assert status == 200
    assert (customer["name"], customer["stage"], customer["opted_out"]) == (
        "小林",
        "icebreak",
        False,
    )
    for unknown in ("wmNobody", "%00", "a" * 5000, "%F0%9F%98%80", "..%2F.."):
        status, answer = await api.get(f"customers/{unknown}")
        assert (status, answer["error"]["code"]) == (404, "not_found"), unknown


async def test_failed_deliveries_are_listed_and_retried(api: Api) -> None:
    one = await api.suggest()
    _, answer = await api.post(f"suggestions/{one}/approve")
    outbound_id = answer["outbound_id"]
    assert (await api.get("deliveries"))[1]["items"] == []
    assert (await api.post(f"deliveries/{outbound_id}/retry"))[0] == 404
    async with api.database.write() as session:
        row = await session.get_one(Outbound, outbound_id)
        row.state, row.error, row.errcode = "failed", "会话已结束", 95013
    _, listed = await api.get("deliveries", state="failed")
    (item,) = listed["items"]
    assert (item["id"], item["error"], item["errcode"]) == (outbound_id, "会话已结束", 95013)
    assert (await api.post(f"deliveries/{outbound_id}/retry"))[0] == 200
    assert (await api.outbound(outbound_id)).state == "ready"


DOORS = ["suggestions", "suggestions/1", "customers/wmA", "deliveries", "conversations/1", "nope"]
KEYS = [
    {},
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer wrong"},
    {"Authorization": f"Basic {API_TOKEN}"},
    {"Authorization": f"Bearer {API_TOKEN}x"},
    {"Authorization": f"Bearer {API_TOKEN[:-1]}"},
    {"Authorization": "Bearer 令牌".encode().decode("latin-1")},
]


async def test_without_the_token_every_door_is_closed(api: Api) -> None:
    for headers, door, method in product(KEYS, DOORS, ("GET", "POST", "DELETE")):
        url = api.server.make_url(f"/api/v1/{door}")
        async with api.http.request(method, url, headers=headers) as response:
            assert response.status == 401, (headers, door, method)
            answer = await response.json()
            assert answer["error"]["code"] == "unauthorized"
            assert API_TOKEN not in await response.text()


async def test_no_other_spelling_opens_a_door(api: Api) -> None:
    for path in ("//api/v1/suggestions", "/api//v1/suggestions", "/API/v1/suggestions"):
        url = URL(str(api.server.make_url("/")).rstrip("/") + path, encoded=True)
        async with api.http.get(url) as response:
            assert response.status in {401, 404}, path


async def test_a_wrong_method_is_405_in_the_same_shape(api: Api) -> None:
    status, answer = await api.call("DELETE", "api/v1/suggestions")
    assert (status, answer["error"]["code"]) == (405, "method_not_allowed")
    status, answer = await api.call("GET", "api/v1/nothing/here")
    assert (status, answer["error"]["code"]) == (404, "not_found")


async def test_health_and_metrics_answer_without_a_token(api_on_both: Api) -> None:
    api = api_on_both
    await api.suggest()
    for path, word in (
        ("healthz", "ok"),
        ("readyz", "ready"),
        ("metrics", "bot_suggestions_pending 1.0"),
    ):
        async with api.http.get(api.server.make_url(f"/{path}")) as response:
            assert response.status == 200
            assert word in await response.text()


async def test_every_answer_carries_the_guarding_headers(api: Api) -> None:
    async with api.http.get(api.server.make_url("/healthz")) as response:
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "aiohttp" not in response.headers["Server"].lower()
        assert "python" not in response.headers["Server"].lower()
