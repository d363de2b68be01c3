from __future__ import annotations

import asyncio

import pytest
from aiolimiter import AsyncLimiter

from bot.errors import RetryLater
from bot.wecom.endpoints import is_repeatable
from bot.wecom.limits import Limiter


@pytest.mark.parametrize(
    ("method", "api", "body", "repeatable"),
    [
        ("GET", "gettoken", None, True),
        ("GET", "externalcontact/get", None, True),
        ("POST", "kf/sync_msg", {"open_kfid": "wk"}, True),
        ("POST", "kf/customer/batchget", {}, True),
        ("POST", "kf/send_msg", {"msgid": "a"}, True),
        ("POST", "kf/send_msg", {"msgid": ""}, False),
        ("POST", "kf/send_msg", {}, False),
        ("POST", "kf/send_msg", None, False),
        ("POST", "kf/send_msg_on_event", {"code": "c"}, False),
        ("POST", "externalcontact/add_msg_template", {}, False),
        ("POST", "externalcontact/add_moment_task", {}, False),
        ("POST", "externalcontact/add_contact_way", {}, False),
        ("POST", "externalcontact/get_moment_list", {}, True),
        ("POST", "kf/service_state/get", {}, True),
        ("POST", "kf/service_state/trans", {}, False),
        ("POST", "media/upload", None, True),
        ("POST", "message/send", {}, False),
    ],
)
def test_what_may_be_repeated(
    method: str, api: str, body: dict[str, str] | None, repeatable: bool
) -> None:
    assert is_repeatable(method, api, body) is repeatable


async def test_a_block_ends_by_itself_and_names_what_is_left() -> None:
    now = [100.0]
    limiter = Limiter(1000, monotonic=lambda: now[0])
    limiter.block("a", 60)
    now[0] = 130.0
    with pytest.raises(RetryLater) as caught:
        await limiter.wait("a")
    assert caught.value.wait_seconds == 30
    await limiter.wait("b")
    now[0] = 160.0
    await limiter.wait("a")


async def test_each_api_is_paced_by_itself() -> None:
    limiter = Limiter(2)
    for api in ("a", "a", "b", "b"):
        await limiter.wait(api)
    paced: AsyncLimiter = limiter._limiters["a"]
    assert not paced.has_capacity()


@pytest.mark.parametrize("calls_per_minute", [600, 6_000, 10_000])
async def test_no_minute_has_more_calls_than_wecom_takes(
    calls_per_minute: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes out at once counts, too: whoever is over is refused for a minute."""
    limiter, now, called = Limiter(calls_per_minute), [100.0], 0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now[0])
    await limiter.wait("a")
    paced: AsyncLimiter = limiter._limiters["a"]
    while now[0] < 160:
        if paced.has_capacity():
            await limiter.wait("a")
            called += 1
        else:
            now[0] += 60 / calls_per_minute / 4
    assert calls_per_minute * 0.9 <= called <= 10_000
