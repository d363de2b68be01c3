"""Sends on the sandbox's platform: exactly once, inside the window, refusals in Chinese."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.clock import ManualClock
from bot.delivery.kf_parts import kf_body
from bot.delivery.media import MediaLibrary
from bot.delivery.outbox import HELD_BACK, Sender, enqueue, mark_undelivered
from bot.errors import GiveUp, MendSettings, RetryLater, UnknownOutcome
from bot.sandbox import CUSTOMERS, DEFAULT_ACCOUNT, Fault, Platform
from bot.sandbox.sessions import State
from bot.store.claims import claim, revive
from bot.store.database import Database
from bot.store.tables import Conversation, Customer, Outbound, WorkState
from bot.wecom.client import WeComClient

Connect = Callable[[Database], WeComClient]
WHO = CUSTOMERS[0].external_userid
PNG = b"\x89PNG\r\n\x1a\n"
TEXT = {"text": "您好，L码有货"}


class Post:
    """One conversation's outbox with a sender at the platform."""

    def __init__(
        self, database: Database, client: WeComClient, clock: ManualClock, root: Path
    ) -> None:
        self.database, self.clock = database, clock
        self.media = MediaLibrary(database, client, clock, root=root)
        self.sender = Sender(database, client, self.media, clock)

    async def open(self) -> None:
        now = self.clock.now()
        async with self.database.write() as session:
            session.add(
                Customer(external_userid=WHO, stage="icebreak", stage_since=now, first_seen_at=now)
            )
            await session.flush()
            session.add(
                Conversation(
                    kind="kf", peer=DEFAULT_ACCOUNT, external_userid=WHO, last_inbound_at=now
                )
            )

    async def promise(self, *parts: dict[str, Any]) -> list[int]:
        async with self.database.write() as session:
            conversation = await session.get_one(Conversation, 1)
            sends = await enqueue(session, conversation, parts, now=self.clock.now())
            return [send.id for send in sends]

    async def take(self) -> Outbound:
        async with self.database.write() as session:
            rows = await claim(
                session,
                Outbound,
                by="h/1/a",
                now=self.clock.now(),
                lease=timedelta(seconds=60),
                limit=1,
            )
            return rows[0]

    async def send(self, *parts: dict[str, Any]) -> Outbound:
        (one, *_) = await self.promise(*parts)
        await self.sender.handle(await self.take())
        return await self.row(one)

    async def row(self, outbound_id: int) -> Outbound:
        async with self.database.read() as session:
            return await session.get_one(Outbound, outbound_id)


@pytest.fixture
async def post(
    ledger: Database, connect: Connect, clock: ManualClock, platform: Platform, tmp_path: Path
) -> Post:
    root = tmp_path / "scripts"
    root.mkdir()
    (root / "size.png").write_bytes(PNG + b"0" * 100)
    post = Post(ledger, connect(ledger), clock, root)
    platform.customer_writes(WHO, "在吗")
    await post.open()
    return post


def received(platform: Platform) -> list[Any]:
    return [message.content for message in platform.sent_messages(WHO)]


async def test_a_send_arrives_and_is_recorded(post: Post, platform: Platform) -> None:
    row = await post.send(TEXT)
    assert received(platform) == [{"content": "您好，L码有货"}]
    assert (row.state, row.sent_at, row.error) == (WorkState.DONE, post.clock.now(), None)


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.HANG, Fault.BUSY])
async def test_whatever_befalls_the_answer_the_customer_gets_it_once(
    post: Post, platform: Platform, fault: Fault
) -> None:
    platform.faults.set(fault, times=2, api="kf/send_msg")
    row = await post.send(TEXT)
    assert len(received(platform)) == 1
    assert row.state == WorkState.DONE


async def test_a_crash_after_the_send_repeats_it_under_the_same_key(
    post: Post, platform: Platform
) -> None:
    (one,) = await post.promise(TEXT)
    await post.sender._send(await post.take())
    post.clock.turn(seconds=61)
    await post.sender.handle(await post.take())
    assert len(received(platform)) == 1
    assert (await post.row(one)).state == WorkState.DONE


async def test_all_answers_lost_are_raised_for_a_later_try(post: Post, platform: Platform) -> None:
    platform.faults.set(Fault.BUSY, api="kf/send_msg")
    await post.promise(TEXT)
    row = await post.take()
    with pytest.raises(RetryLater):
        await post.sender.handle(row)
    assert (await post.row(row.id)).state == WorkState.READY
    assert received(platform) == []


async def test_five_messages_then_a_refusal_without_a_call(post: Post, platform: Platform) -> None:
    for _ in range(5):
        assert (await post.send(TEXT)).state == WorkState.DONE
    calls = len(platform.calls)
    row = await post.send(TEXT)
    assert (row.state, row.errcode) == (WorkState.FAILED, 95001)
    assert row.error and "5" in row.error
    assert len(platform.calls) == calls
    assert len(received(platform)) == 5


async def test_the_next_message_of_the_customer_opens_five_more(
    post: Post, platform: Platform, ledger: Database
) -> None:
    for _ in range(5):
        await post.send(TEXT)
    post.clock.turn(seconds=10)
    platform.customer_writes(WHO, "还在吗")
    async with ledger.write() as session:
        (await session.get_one(Conversation, 1)).last_inbound_at = post.clock.now()
    assert (await post.send(TEXT)).state == WorkState.DONE


@pytest.mark.parametrize(("hours", "state"), [(47.99, "done"), (48.01, "failed")])
async def test_the_window_is_48_hours(post: Post, hours: float, state: str) -> None:
    post.clock.turn(hours=hours)
    row = await post.send(TEXT)
    assert row.state == state
    assert row.errcode == (95002 if state == "failed" else None)


async def test_a_repeat_is_not_stopped_by_our_own_count(post: Post, platform: Platform) -> None:
    """The fifth may have been counted by WeCom before the crash: only WeCom knows."""
    for _ in range(4):
        await post.send(TEXT)
    (one,) = await post.promise(TEXT)
    await post.sender._send(await post.take())
    post.clock.turn(hours=49)
    await post.sender.handle(await post.take())
    assert (await post.row(one)).state == WorkState.DONE
    assert len(received(platform)) == 5


async def test_a_session_held_by_a_person_is_a_refusal_in_chinese(
    post: Post, platform: Platform
) -> None:
    platform.sessions.update(DEFAULT_ACCOUNT, WHO, state=int(State.SERVICER))
    row = await post.send(TEXT)
    assert (row.state, row.errcode) == (WorkState.FAILED, 95018)
    assert row.error
    assert any("\u4e00" <= letter <= "\u9fff" for letter in row.error)


async def test_a_missing_permission_is_raised_not_recorded_as_refused(
    post: Post, scripted: Callable[..., WeComClient], script: Any
) -> None:
    script.will("kf/send_msg", 60020)
    sender = Sender(post.database, scripted(), post.media, post.clock)
    await post.promise(TEXT)
    row = await post.take()
    with pytest.raises(MendSettings):
        await sender.handle(row)
    assert (await post.row(row.id)).state == WorkState.READY


async def test_parts_go_out_in_order(post: Post, platform: Platform) -> None:
    await post.promise({"text": "一"}, {"image": "size.png"}, {"text": "三"})
    for _ in range(3):
        await post.sender.handle(await post.take())
    assert [message.msgtype for message in platform.sent_messages(WHO)] == [
        "text",
        "image",
        "text",
    ]


async def test_after_a_refused_part_the_rest_of_the_reply_stays_at_home(
    post: Post, platform: Platform
) -> None:
    ids = await post.promise({"image": "gone.png"}, {"text": "二"}, {"text": "三"})
    other = await post.promise({"text": "另一条"})
    for _ in range(4):
        await post.sender.handle(await post.take())
    assert received(platform) == [{"content": "另一条"}]
    first, *rest = [await post.row(one) for one in ids]
    assert [row.state for row in (first, *rest)] == [WorkState.FAILED] * 3
    assert "gone.png" in (first.error or "")
    assert {row.error for row in rest} == {HELD_BACK}
    assert (await post.row(other[0])).state == WorkState.DONE


async def test_a_retried_part_brings_the_rest_along_in_order(
    post: Post, platform: Platform, tmp_path: Path
) -> None:
    ids = await post.promise({"image": "gone.png"}, {"text": "二"}, {"text": "三"})
    for _ in range(3):
        await post.sender.handle(await post.take())
    (tmp_path / "scripts" / "gone.png").write_bytes(PNG + b"0" * 100)
    async with post.database.write() as session:
        assert await revive(session, Outbound, ids[0], now=post.clock.now())
    for _ in range(3):
        await post.sender.handle(await post.take())
    assert [one.msgtype for one in platform.sent_messages(WHO)] == ["image", "text", "text"]
    assert {(await post.row(one)).error for one in ids} == {None}


async def test_every_key_is_new_and_fits_wecom(post: Post) -> None:
    ids = await post.promise(*[TEXT] * 50)
    keys = {(await post.row(one)).msgid for one in ids}
    assert len(keys) == 50
    assert all(len(key) <= 32 and key.isalnum() for key in keys)


async def fail_delivery(post: Post, row: Outbound, fail_type: object = 10) -> None:
    async with post.database.write() as session:
        await mark_undelivered(session, msgid=row.msgid, fail_type=fail_type, now=post.clock.now())


async def test_what_did_not_arrive_says_why(post: Post) -> None:
    row = await post.send(TEXT)
    await fail_delivery(post, row)
    row = await post.row(row.id)
    assert row.state == WorkState.FAILED
    assert row.error == "未送达：客户拒收了消息"


async def test_a_retry_of_what_did_not_arrive_really_sends_again(
    post: Post, platform: Platform
) -> None:
    """Under the old key WeCom would answer 95033, and we would take it for delivered."""
    platform.store.run("UPDATE customers SET refuses = 1 WHERE external_userid = ?", WHO)
    row = await post.send(TEXT)
    await fail_delivery(post, row)
    platform.store.run("UPDATE customers SET refuses = 0 WHERE external_userid = ?", WHO)
    async with post.database.write() as session:
        assert await revive(session, Outbound, row.id, now=post.clock.now())
    await post.sender.handle(await post.take())
    assert received(platform) == [{"content": "您好，L码有货"}]
    assert (await post.row(row.id)).state == WorkState.DONE


async def test_a_failure_told_before_the_send_is_settled_stays(
    post: Post, platform: Platform
) -> None:
    (one,) = await post.promise(TEXT)
    row = await post.take()
    await post.sender._send(row)
    await fail_delivery(post, row, 4)
    await post.sender._record_sent(row)
    kept = await post.row(one)
    assert kept.state == WorkState.FAILED
    assert "48 小时" in (kept.error or "")


async def test_a_failure_of_an_unknown_message_changes_nothing(post: Post) -> None:
    row = await post.send(TEXT)
    async with post.database.write() as session:
        await mark_undelivered(session, msgid="", fail_type=1, now=post.clock.now())
        await mark_undelivered(session, msgid="other", fail_type=1, now=post.clock.now())
    assert (await post.row(row.id)).state == WorkState.DONE


def uploads(platform: Platform) -> int:
    return sum(1 for call in platform.calls if call.api == "media/upload")


async def test_a_file_is_uploaded_once_and_again_before_wecom_forgets_it(
    post: Post, platform: Platform
) -> None:
    first = await post.media.media_id("image", "size.png")
    assert await post.media.media_id("image", "size.png") == first
    assert uploads(platform) == 1
    post.clock.turn(days=2, hours=21, minutes=59)
    assert await post.media.media_id("image", "size.png") == first
    post.clock.turn(minutes=2)
    assert await post.media.media_id("image", "size.png") != first
    assert uploads(platform) == 2


async def test_a_changed_file_is_another_file(
    post: Post, platform: Platform, tmp_path: Path
) -> None:
    first = await post.media.media_id("image", "size.png")
    (tmp_path / "scripts" / "size.png").write_bytes(PNG + b"1" * 100)
    assert await post.media.media_id("image", "size.png") != first


@pytest.mark.parametrize(
    "source", ["none.png", "../secret.txt", "/etc/hostname", ".", "a/../../secret.txt", "a\x00b"]
)
async def test_no_file_outside_the_folder_is_ever_uploaded(
    post: Post, platform: Platform, tmp_path: Path, source: str
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    with pytest.raises(GiveUp, match="不存在"):
        await post.media.media_id("image", source)
    assert uploads(platform) == 0


async def test_a_link_out_of_the_folder_is_not_followed(post: Post, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "scripts" / "link.png").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(GiveUp):
        await post.media.media_id("image", "link.png")


async def test_a_file_that_is_too_large_is_not_read(post: Post, tmp_path: Path) -> None:
    with (tmp_path / "scripts" / "big.png").open("wb") as file:
        file.truncate(10 * 2**20 + 1)
    with pytest.raises(GiveUp, match="10 MB"):
        await post.media.media_id("image", "big.png")


async def test_a_broken_file_fails_the_send_with_a_reason(post: Post) -> None:
    row = await post.send({"image": "none.png"})
    assert row.state == WorkState.FAILED
    assert "none.png" in (row.error or "")


@pytest.mark.parametrize(
    ("part", "msgtype"),
    [
        ({"text": "你好"}, "text"),
        ({"image": "size.png"}, "image"),
        ({"image": "https://cdn.example/x.png"}, "text"),
        ({"file": "size.png"}, "file"),
        ({"link": {"title": "t", "url": "https://a"}}, "text"),
        ({"link": {"title": "t", "url": "https://a", "image": "size.png"}}, "link"),
        (
            {"miniprogram": {"title": "t", "appid": "wx", "page": "p", "image": "size.png"}},
            "miniprogram",
        ),
    ],
)
async def test_every_part_becomes_a_body_of_its_type(
    post: Post, part: dict[str, Any], msgtype: str
) -> None:
    body = await kf_body(part, post.media)
    assert body["msgtype"] == msgtype
    assert set(body) == {"msgtype", msgtype}


@pytest.mark.parametrize(
    "part", [{"hologram": "x"}, {"miniprogram": {"title": "t", "appid": "a", "page": "p"}}]
)
async def test_what_wecom_would_not_take_is_given_up(post: Post, part: dict[str, Any]) -> None:
    with pytest.raises(GiveUp):
        await kf_body(part, post.media)


async def test_an_upload_without_an_id_may_be_tried_again(
    post: Post, scripted: Callable[..., WeComClient], script: Any, tmp_path: Path
) -> None:
    script.will("media/upload", {"errcode": 0})
    media = MediaLibrary(post.database, scripted(), post.clock, root=tmp_path / "scripts")
    with pytest.raises(UnknownOutcome):
        await media.media_id("image", "size.png")
