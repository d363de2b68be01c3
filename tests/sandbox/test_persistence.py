from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bot.sandbox import Platform, SandboxSettings, visits

from .conftest import XIAOLIN, Caller


def test_a_second_start_continues_where_the_first_was(
    settings: SandboxSettings, tmp_path: Path
) -> None:
    kept = replace(settings, data_path=tmp_path / "var" / "sandbox.db")
    first = Platform(kept)
    before = Caller(first)
    first.customer_writes(XIAOLIN, "第一句")
    cursor, token = before.sync()["next_cursor"], before.token()
    assert [before.send(str(n), msgid=f"m-{n}")["errcode"] for n in range(5)] == [0] * 5
    visits.refuse(first, XIAOLIN, True)
    first.turn_clock(timedelta(hours=1))
    ahead = first.now()
    first.close()

    second = Platform(kept)
    after = Caller(second)
    assert after.token() == token
    assert after.sync(cursor=cursor)["msg_list"] == []
    assert after.send("又", msgid="m-4")["errcode"] == 95033
    assert after.send("又", msgid="m-5")["errcode"] == 95001
    assert second.customer(XIAOLIN).refuses
    assert second.now() == ahead
    assert len(second.sent_messages(XIAOLIN)) == 5
    second.close()


def test_without_a_path_nothing_is_kept(settings: SandboxSettings) -> None:
    first = Platform(settings)
    first.customer_writes(XIAOLIN, "在吗")
    first.close()
    second = Platform(settings)
    assert second.timeline.of_customer(XIAOLIN) == []
    second.close()
