from __future__ import annotations

from dataclasses import replace

from bot.sandbox import Platform, SandboxSettings
from bot.sandbox.journal import Line
from bot.sandbox.sender import CallbackSender

from .conftest import XIAOLIN, Running


async def test_a_broken_connection_is_tried_three_times_in_all(running: Running) -> None:
    running.bot.statuses = [0, 0, 0, 200]
    running.platform.customer_writes(XIAOLIN, "在吗")
    await running.settle()
    assert running.bot.attempts == 3
    assert running.bot.notices == []


async def test_the_second_attempt_brings_the_same_notice(running: Running) -> None:
    running.bot.statuses = [0, 200]
    running.platform.customer_writes(XIAOLIN, "在吗")
    await running.settle()
    (notice,) = running.bot.notices
    assert notice["Token"] == running.platform.pushes[-1].token


async def test_an_answer_of_any_status_ends_it(running: Running) -> None:
    running.bot.statuses = [500]
    running.platform.customer_writes(XIAOLIN, "在吗")
    await running.settle()
    assert running.bot.attempts == 1
    pushed = [e for e in running.platform.journal.entries if e.line is Line.PUSH]
    assert [entry.ok for entry in pushed] == [False]


async def test_nobody_listening_is_recorded_in_plain_words(settings: SandboxSettings) -> None:
    away = replace(settings, callback_url="http://127.0.0.1:9/wecom/callback")
    platform = Platform(away)
    sender = CallbackSender(platform)
    await sender.start()
    platform.customer_writes(XIAOLIN, "在吗")
    await sender.idle()
    await sender.stop()
    pushed = [entry for entry in platform.journal.entries if entry.line is Line.PUSH]
    assert len(pushed) == 3
    assert "连接不上" in pushed[0].zh
    assert "第 3 次尝试" in pushed[2].zh
    platform.close()


async def test_duplicates(running: Running) -> None:
    running.platform.faults.set("duplicate", amount=6)
    running.platform.customer_writes(XIAOLIN, "在吗")
    await running.settle()
    assert len(running.bot.notices) == 6
    assert len({notice["Token"] for notice in running.bot.notices}) == 1


async def test_dropped_notices_leave_the_message_to_be_read(running: Running) -> None:
    running.platform.faults.set("drop", times=1)
    running.platform.customer_writes(XIAOLIN, "第一句")
    running.platform.customer_writes(XIAOLIN, "第二句")
    await running.settle()
    assert len(running.bot.notices) == 1


async def test_a_held_notice_comes_after_the_next_one(running: Running) -> None:
    running.platform.faults.set("reorder", times=1)
    running.platform.customer_writes(XIAOLIN, "第一句")
    running.platform.customer_writes(XIAOLIN, "第二句")
    await running.settle()
    first, second = (push.token for push in running.platform.pushes)
    assert [notice["Token"] for notice in running.bot.notices] == [second, first]


async def test_a_held_notice_is_released_even_if_nothing_follows(running: Running) -> None:
    running.platform.faults.set("reorder", amount=0.05)
    running.platform.customer_writes(XIAOLIN, "只有一句")
    await running.settle()
    assert len(running.bot.notices) == 1


async def test_delayed_notices_arrive(running: Running) -> None:
    running.platform.faults.set("delay", amount=0.05)
    running.platform.customer_writes(XIAOLIN, "在吗")
    assert running.bot.notices == []
    await running.settle()
    assert len(running.bot.notices) == 1
