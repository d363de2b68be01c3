from __future__ import annotations

import pytest

from bot.sandbox import Fault, Platform
from bot.sandbox.errors import UnknownSubject
from bot.sandbox.faults import CATALOGUE, Faults

from .conftest import XIAOLIN, Caller


def test_every_switch_is_described_in_both_languages() -> None:
    assert set(CATALOGUE) == set(Fault)
    for described in CATALOGUE.values():
        assert all((described.title, described.text, described.title_en, described.text_en))


def test_a_rate_is_spread_evenly() -> None:
    faults = Faults()
    faults.set("busy", rate=0.3)
    struck = [faults.take(Fault.BUSY) is not None for _ in range(20)]
    assert sum(struck) == 6


def test_a_counted_switch_goes_off_by_itself() -> None:
    faults = Faults()
    faults.set("drop", times=2)
    assert [bool(faults.take(Fault.DROP)) for _ in range(3)] == [True, True, False]
    assert faults.active(Fault.DROP) is None


def test_an_unknown_switch_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownSubject, match="lost_answer"):
        Faults().set("explode")


def test_busy_does_nothing(platform: Platform, call: Caller) -> None:
    platform.customer_writes(XIAOLIN, "在吗")
    platform.faults.set("busy", times=1, api="kf/send_msg")
    assert call.send("一")["errcode"] == -1
    assert platform.sent_messages(XIAOLIN) == []
    assert call.send("一")["errcode"] == 0


def test_a_revoked_token_is_replaced_by_a_new_one(platform: Platform, call: Caller) -> None:
    before = call.token()
    platform.faults.set("expired_token", times=1)
    assert call("kf/account/list")["errcode"] == 42001
    assert call.token() != before
    assert call("kf/account/list")["errcode"] == 0


def test_frequency(platform: Platform, call: Caller) -> None:
    platform.faults.set("frequency", api="kf/sync_msg")
    assert call.sync()["errcode"] == 45009
    assert call("kf/account/list")["errcode"] == 0
    platform.faults.clear()
    assert call.sync()["errcode"] == 0
