"""Calls over real HTTP: what is repeated, what must not be, and what each refusal becomes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import aiohttp
import pytest
from aiohttp import web
from corp import NOWHERE, SECRET, Naps, Script, wecom_settings

from bot.clock import ManualClock
from bot.delivery.tokens import StoredTokens
from bot.errors import GiveUp, MendSettings, RetryLater, TellGuide, UnknownOutcome, WeComError
from bot.sandbox import CUSTOMERS, DEFAULT_ACCOUNT, Fault, Platform
from bot.store.database import Database
from bot.wecom.client import WeComClient
from bot.wecom.errcodes import Remedy, catalogue, error_for

Connect = Callable[[Database], WeComClient]
Scripted = Callable[..., WeComClient]
WHO = CUSTOMERS[0].external_userid


def message(text: str = "您好", **more: str) -> dict[str, object]:
    return {
        "touser": WHO,
        "open_kfid": DEFAULT_ACCOUNT,
        "msgid": "m1",
        "msgtype": "text",
        "text": {"content": text},
        **more,
    }


def keyless() -> dict[str, object]:
    body = message()
    del body["msgid"]
    return body


async def test_a_call_on_the_sandbox(
    connect: Connect, ledger: Database, platform: Platform
) -> None:
    platform.customer_writes(WHO, "在吗")
    client = connect(ledger)
    assert (await client.kf.send_msg(message("欢迎光临 😀")))["msgid"] == "m1"
    assert [one.content for one in platform.sent_messages(WHO)] == [{"content": "欢迎光临 😀"}]


async def test_chinese_travels_as_utf8_and_never_as_escapes(
    scripted: Scripted, script: Script
) -> None:
    await scripted().kf.send_msg(message("客户😀"))
    _, _, body = script.calls[-1]
    assert "客户😀".encode() in body
    assert b"\\u" not in body


async def test_the_token_is_a_query_parameter_and_never_in_the_body(
    scripted: Scripted, script: Script
) -> None:
    await scripted().kf.send_msg(message())
    _, query, body = script.calls[-1]
    assert query == {"access_token": "t1"}
    assert b"t1" not in body


@pytest.mark.parametrize("code", [-1, 6000])
async def test_busy_is_tried_again_with_growing_pauses(
    scripted: Scripted, script: Script, naps: Naps, code: int
) -> None:
    script.will("kf/send_msg", code, code, {"errcode": 0, "msgid": "m1"})
    await scripted().kf.send_msg(message())
    assert script.made("kf/send_msg") == 3
    first, second = naps.seconds
    assert 0.15 < first < 0.4 < second < 1.2


@pytest.mark.parametrize("code", [-1, 6000])
async def test_busy_for_ever_ends_after_three_tries(
    scripted: Scripted, script: Script, code: int
) -> None:
    script.will("kf/send_msg", *[code] * 9)
    with pytest.raises(RetryLater) as caught:
        await scripted().kf.send_msg(message())
    assert caught.value.errcode == code
    assert script.made("kf/send_msg") == 3


LOST = {
    "connection dropped": lambda: "drop",
    "HTTP 500": lambda: web.Response(status=500, text="oops"),
    "HTTP 502 page": lambda: web.Response(status=502, text="<html>", content_type="text/html"),
    "not JSON": lambda: web.Response(text="<html>maintenance</html>"),
    "half a JSON": lambda: web.Response(text='{"errcode": 0, "msg'),
    "a list": lambda: web.Response(text="[1, 2]"),
    "null": lambda: web.Response(text="null"),
    "not UTF-8": lambda: web.Response(body=b'{"errcode": "\xff"}'),
    "empty": lambda: web.Response(text=""),
    "too deep to read": lambda: web.Response(text="[" * 200_000),
}


@pytest.mark.parametrize("answer", LOST.values(), ids=LOST)
async def test_a_lost_answer_of_a_keyed_send_is_repeated(
    scripted: Scripted, script: Script, answer: Callable[[], object]
) -> None:
    script.will("kf/send_msg", answer(), {"errcode": 0, "msgid": "m1"})
    await scripted().kf.send_msg(message())
    assert script.made("kf/send_msg") == 2
    assert script.calls[-1][2] == script.calls[-2][2], "the repeat carries the same key"


@pytest.mark.parametrize("answer", LOST.values(), ids=LOST)
async def test_a_lost_answer_of_a_keyless_send_is_not_repeated(
    scripted: Scripted, script: Script, answer: Callable[[], object]
) -> None:
    script.will("kf/send_msg", answer())
    with pytest.raises(UnknownOutcome):
        await scripted().kf.send_msg(keyless())
    assert script.made("kf/send_msg") == 1


@pytest.mark.parametrize("code", [-1, 6000])
async def test_busy_on_a_keyless_send_is_an_unknown_outcome(
    scripted: Scripted, script: Script, code: int
) -> None:
    script.will("kf/send_msg", code)
    with pytest.raises(UnknownOutcome):
        await scripted().kf.send_msg(keyless())
    assert script.made("kf/send_msg") == 1


async def test_a_hanging_platform_times_out(
    scripted: Scripted, script: Script, platform: Platform, connect: Connect, ledger: Database
) -> None:
    platform.customer_writes(WHO, "在吗")
    platform.faults.set(Fault.HANG, times=1, api="kf/send_msg")
    with pytest.raises(WeComError) as caught:
        await connect(ledger).kf.send_msg(message())
    assert caught.value.errcode == 95033, "the repeat was recognised by its key"
    assert len(platform.sent_messages(WHO)) == 1


async def test_an_answer_lost_after_the_work_was_done_sends_once(
    connect: Connect, ledger: Database, platform: Platform
) -> None:
    platform.customer_writes(WHO, "在吗")
    platform.faults.set(Fault.LOST_ANSWER, times=1, api="kf/send_msg")
    with pytest.raises(GiveUp) as caught:
        await connect(ledger).kf.send_msg(message())
    assert caught.value.errcode == 95033
    assert len(platform.sent_messages(WHO)) == 1


async def test_a_platform_that_is_not_there_was_never_reached(
    http: aiohttp.ClientSession, ledger: Database, clock: ManualClock, naps: Naps
) -> None:
    settings = wecom_settings(NOWHERE)
    client = WeComClient(settings, http, shared=StoredTokens(ledger), clock=clock, sleep=naps)
    with pytest.raises(RetryLater) as caught:
        await client.kf.send_msg(keyless())
    assert not isinstance(caught.value, UnknownOutcome)
    assert "api_base" in caught.value.hint
    assert len(naps.seconds) == 2, "nothing was sent, so even a keyless call may be repeated"


async def test_45009_blocks_that_api_for_a_minute_and_no_other(
    scripted: Scripted, script: Script, naps: Naps
) -> None:
    client = scripted()
    script.will("kf/sync_msg", 45009)
    for _ in range(3):
        with pytest.raises(RetryLater) as caught:
            await client.kf.sync_msg(open_kfid="wk1", cursor="", token=None, limit=10)
        assert caught.value.errcode == 45009
        assert 55 < (caught.value.wait_seconds or 0) <= 60
    assert script.made("kf/sync_msg") == 1
    assert naps.seconds == []
    await client.kf.send_msg(message())


@pytest.mark.parametrize(("code", "seconds"), [(45033, 3.0), (45035, 1.0)])
async def test_concurrency_limits_wait_a_little(
    scripted: Scripted, script: Script, code: int, seconds: float
) -> None:
    script.will("kf/send_msg", code)
    with pytest.raises(RetryLater) as caught:
        await scripted().kf.send_msg(message())
    assert caught.value.wait_seconds == seconds


@pytest.mark.parametrize("code", [40003, 40058, 40066, 41001, 44001, 95004])
async def test_a_parameter_error_is_never_repeated(
    scripted: Scripted, script: Script, naps: Naps, code: int
) -> None:
    script.will("kf/sync_msg", code)
    with pytest.raises(WeComError):
        await scripted().kf.sync_msg(open_kfid="wk1", cursor="", token=None, limit=10)
    assert script.made("kf/sync_msg") == 1
    assert naps.seconds == []


CLASSES = {
    -1: RetryLater,
    6000: RetryLater,
    45009: RetryLater,
    45033: RetryLater,
    40001: MendSettings,
    40013: MendSettings,
    48002: MendSettings,
    60020: MendSettings,
    95001: TellGuide,
    95002: TellGuide,
    95013: TellGuide,
    95016: TellGuide,
    95018: TellGuide,
    95033: GiveUp,
    40058: GiveUp,
    987654: GiveUp,
}


@pytest.mark.parametrize(("code", "cls"), CLASSES.items())
def test_what_the_caller_should_do_is_the_class(code: int, cls: type[WeComError]) -> None:
    error = error_for(code, api="kf/send_msg")
    assert type(error) is cls
    assert (error.errcode, error.api) == (code, "kf/send_msg")
    assert str(code) in error.message


def test_every_known_code_has_chinese_words_and_a_class() -> None:
    for code, entry in catalogue().items():
        error = error_for(code, api="x")
        assert any("\u4e00" <= letter <= "\u9fff" for letter in entry.zh), code
        assert error.hint == entry.mend
        assert isinstance(error, RetryLater) == (entry.remedy is Remedy.RETRY), code


async def test_no_error_of_a_call_holds_a_secret(
    scripted: Scripted, script: Script, http: aiohttp.ClientSession, ledger: Database
) -> None:
    client = scripted()
    for answer in ("drop", 40058, 95018, web.Response(status=500), web.Response(text="x")):
        script.will("kf/send_msg", answer)
        with pytest.raises(WeComError) as caught:
            await client.kf.send_msg(keyless())
        spoken = f"{caught.value} {caught.value!r} {caught.value.details}"
        assert SECRET not in spoken
        assert "access_token" not in spoken


@pytest.mark.parametrize("answer", [{"errcode": "0"}, {"errcode": None}, {}, {"errcode": 0}])
async def test_success_is_zero_or_no_errcode(
    scripted: Scripted, script: Script, answer: dict[str, object]
) -> None:
    script.will("kf/send_msg", answer)
    assert await scripted().kf.send_msg(message()) == answer


@pytest.mark.parametrize(
    "text", ['{"errcode": "abc"}', '{"errcode": [1]}', '{"errcode": Infinity}', '{"errcode": {}}']
)
async def test_an_unreadable_errcode_is_not_success(
    scripted: Scripted, script: Script, text: str
) -> None:
    script.will("kf/send_msg", *[web.Response(text=text) for _ in range(3)])
    with pytest.raises(RetryLater):
        await scripted().kf.send_msg(message())


async def test_calls_are_observed_with_their_outcome(scripted: Scripted, script: Script) -> None:
    seen: list[tuple[str, str]] = []
    client = scripted()
    client._observe = lambda api, outcome, seconds: seen.append((api, outcome))
    script.will("kf/send_msg", "drop", -1, {"errcode": 0})
    await client.kf.send_msg(message())
    assert seen == [
        ("gettoken", "ok"),
        ("kf/send_msg", "lost"),
        ("kf/send_msg", "-1"),
        ("kf/send_msg", "ok"),
    ]


async def test_cancelling_a_call_leaves_the_client_usable(
    scripted: Scripted, script: Script
) -> None:
    client = scripted()
    first = asyncio.create_task(client.kf.send_msg(message()))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await client.kf.send_msg(message())


async def test_an_upload_is_multipart_and_can_be_repeated(
    scripted: Scripted, script: Script
) -> None:
    script.will("media/upload", "drop", {"media_id": "M1"})
    answer = await scripted().media.upload_bytes("image", filename="图.png", content=b"\x89PNG")
    assert answer["media_id"] == "M1"
    _, query, body = script.calls[-1]
    assert query["type"] == "image"
    assert 'name="media"; filename="图.png"'.encode() in body
    assert b"\x89PNG" in body
    assert script.made("media/upload") == 2


async def test_reading_pages_never_sends_empty_parameters(
    scripted: Scripted, script: Script
) -> None:
    client = scripted()
    await client.kf.sync_msg(open_kfid="wk1", cursor="", token=None, limit=1000)
    assert json.loads(script.calls[-1][2]) == {"open_kfid": "wk1", "limit": 1000}
    await client.kf.sync_msg(open_kfid="wk1", cursor="c1", token="T", limit=5)
    assert json.loads(script.calls[-1][2])["cursor"] == "c1"
    assert json.loads(script.calls[-1][2])["token"] == "T"
