from __future__ import annotations

import pytest

from bot.sandbox import ApiError, Platform

from .conftest import Caller, FakeClock


def test_asking_again_gives_the_same_token_until_it_expires(
    call: Caller, clock: FakeClock
) -> None:
    first = call.token()
    clock.advance(seconds=7199)
    assert call.token() == first
    clock.advance(seconds=1)
    assert call.token() != first
    stale = call.raw("kf/account/list", query={"access_token": first})
    assert stale["errcode"] == 42001


@pytest.mark.parametrize(
    ("query", "errcode"),
    [
        ({}, 41002),
        ({"corpid": "ww5a6e626f78776563"}, 41004),
        ({"corpid": "wwother", "corpsecret": "x"}, 40013),
        ({"corpid": "ww5a6e626f78776563", "corpsecret": "密钥"}, 40001),
    ],
)
def test_wrong_credentials(call: Caller, query: dict[str, str], errcode: int) -> None:
    assert call.raw("gettoken", "GET", query=query)["errcode"] == errcode


def test_token_missing_and_unknown(call: Caller) -> None:
    assert call.raw("kf/account/list")["errcode"] == 41001
    assert call.raw("kf/account/list", query={"access_token": "x"})["errcode"] == 40014


def test_refusals_are_worded_as_the_platform_words_them(call: Caller) -> None:
    message = call.raw("kf/account/list", query={"access_token": "x"})["errmsg"]
    assert message.startswith("invalid access_token, hint: [")
    assert "from ip: 127.0.0.1" in message
    assert message.endswith("more info at https://open.work.weixin.qq.com/devtool/query?e=40014")


def test_secrets_do_not_reach_the_record(call: Caller, platform: Platform) -> None:
    call("kf/account/list")
    recorded = str([record.query for record in platform.calls])
    assert platform.settings.secret not in recorded
    assert call.token() not in recorded


def test_too_many_calls_block_the_api_for_a_minute(platform: Platform, clock: FakeClock) -> None:
    for _ in range(3):
        platform.meter.count("x", 3)
    with pytest.raises(ApiError, match="45009"):
        platform.meter.count("x", 3)
    clock.advance(seconds=59)
    with pytest.raises(ApiError, match="45009"):
        platform.meter.count("x", 3)
    clock.advance(seconds=1)
    platform.meter.count("x", 3)
