from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sandbox import DEFAULT_ACCOUNT, Call, Platform, SandboxSettings, answer
from bot.sandbox.api.dispatch import ENDPOINTS
from bot.sandbox.api.kf_content import CHECKS
from bot.sandbox.timeline import Cursor
from bot.sandbox.wording import call_in_words

from .conftest import XIAOLIN

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "open_kfid",
        "touser",
        "external_userid",
        "external_userid_list",
        "userid_list",
        "service_state",
        "servicer_userid",
        "cursor",
        "token",
        "limit",
        "offset",
        "msgid",
        "msgtype",
        "code",
        "agentid",
        "name",
        "media_id",
        "scene",
        *CHECKS,
        "template_card",
        "textcard",
    ]
)
LIKELY = st.sampled_from([DEFAULT_ACCOUNT, XIAOLIN, "text", "msgmenu", "guide_qing", 1, 1000002])
BODIES = st.dictionaries(NAMES, JSON | LIKELY, max_size=6)
KINDS = ["click", "view", "miniprogram", "text"]


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    shared = Platform(SandboxSettings())
    yield shared
    shared.close()


@given(api=st.sampled_from(sorted(ENDPOINTS)), body=BODIES)
@settings(max_examples=300, deadline=None)
def test_whatever_is_sent_is_answered_and_told(
    platform: Platform, api: str, body: dict[str, Any]
) -> None:
    token = platform.access.current(platform.now())[0]
    query = {"access_token": token, "open_kfid": DEFAULT_ACCOUNT, "userid": "guide_qing"}
    reply = answer(platform, Call(api, "POST", query, body)).answer
    assert isinstance(reply, dict)
    assert isinstance(reply["errcode"], int)
    zh, en = call_in_words(platform, api, body, reply)
    assert zh.startswith("机器人 → 企业微信：")
    assert en.startswith("Bot → WeCom: ")


@given(kind=st.sampled_from(sorted(CHECKS)), content=JSON | st.dictionaries(NAMES, JSON))
@settings(max_examples=200, deadline=None)
def test_whatever_a_message_holds(platform: Platform, kind: str, content: object) -> None:
    platform.customer_writes(XIAOLIN, "在吗")
    body = {"touser": XIAOLIN, "open_kfid": DEFAULT_ACCOUNT, "msgtype": kind, kind: content}
    token = platform.access.current(platform.now())[0]
    reply = answer(platform, Call("kf/send_msg", "POST", {"access_token": token}, body)).answer
    assert isinstance(reply, dict)
    assert isinstance(reply["errcode"], int)
    call_in_words(platform, "kf/send_msg", body, reply)


@given(items=st.lists(JSON | st.fixed_dictionaries({"type": st.sampled_from(KINDS)}), max_size=4))
@settings(max_examples=100, deadline=None)
def test_whatever_a_menu_holds(platform: Platform, items: list[Any]) -> None:
    platform.customer_writes(XIAOLIN, "在吗")
    menu = {"head_content": "想问", "list": items}
    body = {"touser": XIAOLIN, "open_kfid": DEFAULT_ACCOUNT, "msgtype": "msgmenu"}
    token = platform.access.current(platform.now())[0]
    call = Call("kf/send_msg", "POST", {"access_token": token}, {**body, "msgmenu": menu})
    reply = answer(platform, call).answer
    assert isinstance(reply, dict)
    assert reply["errcode"] in ({0} if not items else {0, 40058, 95009})


@given(st.integers(0, 2**62), st.integers(0, 60))
def test_cursors_are_read_back_and_short(seq: int, empties: int) -> None:
    cursor = Cursor(seq, empties)
    written = cursor.written(DEFAULT_ACCOUNT)
    assert len(written) <= 64
    assert Cursor.read(written, DEFAULT_ACCOUNT) == cursor
