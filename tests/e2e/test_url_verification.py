"""WeCom checks the callback's address before it sends anything to it."""

from __future__ import annotations

import time
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from e2e.envelope import sealed, signed
from e2e.running import Answer, Bot


def _verify(bot: Bot, query: dict[str, str]) -> Answer:
    return bot.get(f"/wecom/callback?{urlencode(query)}")


@pytest.mark.parametrize("text", ["1616140317555161061", "回声 <&>", "a" * 1000])
def test_the_bare_plain_text_comes_back(bot: Bot, text: str) -> None:
    credentials = bot.platform.credentials
    answer = _verify(bot, signed(sealed(text, credentials), credentials, name="echostr"))
    assert (answer.status, answer.text) == (200, text)
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_it_takes_less_than_a_second(bot: Bot) -> None:
    credentials = bot.platform.credentials
    query = signed(sealed("12", credentials), credentials, name="echostr")
    started = time.monotonic()
    assert _verify(bot, query).status == 200
    assert time.monotonic() - started < 1


def test_a_wrong_token_is_refused(bot: Bot) -> None:
    credentials = bot.platform.credentials
    forger = replace(credentials, token="another-token")
    query = signed(sealed("marker", credentials), forger, name="echostr")
    answer = _verify(bot, query)
    assert answer.status == 403
    assert "marker" not in answer.text and query["echostr"] not in answer.text


def test_another_corp_is_refused(bot: Bot) -> None:
    credentials = bot.platform.credentials
    encrypted = sealed("marker", credentials, receiver="ww0000000000000000")
    assert _verify(bot, signed(encrypted, credentials, name="echostr")).status == 403


def test_an_old_request_is_refused(bot: Bot) -> None:
    credentials = bot.platform.credentials
    old = str(int(time.time()) - 3600)
    query = signed(sealed("marker", credentials), credentials, timestamp=old, name="echostr")
    assert _verify(bot, query).status == 403


def test_nothing_to_echo_is_malformed(bot: Bot) -> None:
    assert _verify(bot, signed("", bot.platform.credentials)).status == 400
    assert _verify(bot, signed("!!!", bot.platform.credentials, name="echostr")).status == 400
    assert _verify(bot, {}).status in (400, 403)
