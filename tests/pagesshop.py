"""A whole shop behind the console: customers, channels, groups and tags on the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp.test_utils import TestServer
from sqlalchemy import select

from bot.app import Bot
from bot.clock import ManualClock
from bot.customers.channel_draft import ChannelDraft
from bot.customers.contact_events import apply_change
from bot.customers.follows import FollowChange
from bot.customers.profiles import meet
from bot.running import open_bot
from bot.sandbox import Platform, create_app
from bot.sandbox.settings import SandboxSettings
from bot.settings import Settings
from bot.store.channel_tables import Greeting
from bot.store.contact_tables import (
    BehaviourEvent,
    CorpTag,
    Follow,
    FollowTag,
    Guide,
    PortraitFact,
    TagGroup,
)
from bot.store.database import Database
from bot.store.group_tables import CustomerGroup, GroupMember, GroupMove
from bot.store.tables import Burst, Conversation, Customer, Message, StageMove, Suggestion
from bot.web.console.accounts import ensure_first_user

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
SU, HE = "guide_qing", "guide_tang"
GUIDES = {SU: "苏晴", HE: "何棠"}
PEOPLE = {
    "wmLin": ("小林", "objection", ["老客", "羊绒控"], 2),
    "wmMay": ("阿May", "icebreak", ["新客"], 0),
    "wmZhou": ("周姐", "won", ["老客", "VIP"], 45),
    "wmShan": ("大山", "discover", [], 12),
    "wmTuan": ("团团妈", "dormant", ["宝妈", "VIP"], 95),
}


@dataclass
class PagesShop:
    """A bot whose rows go in through the store, on a platform that answers."""

    bot: Bot
    server: TestServer
    platform: Platform
    clock: ManualClock
    password: str

    @property
    def database(self) -> Database:
        return self.bot.ground.database

    async def furnish(self) -> None:
        """People, tags, portraits, a timeline, channels and groups."""
        await self._people()
        await self._tags()
        await self._life_of_lin()
        await self._groups()

    async def channel(self, name: str = "南京西路店收银台", **more: Any) -> int:
        made = await self.bot.channels.create(ChannelDraft(name=name, guides=[SU, HE], **more))
        return made.id

    async def came(self, channel_id: int, *, days_ago: int, number: int, **more: Any) -> None:
        """So many friends through a channel on one day."""
        at = self.clock.now() - timedelta(days=days_ago)
        async with self.database.write() as session:
            session.add_all(
                Greeting(
                    key=f"{channel_id}/{days_ago}/{one}",
                    lane=f"{days_ago}/{one}",
                    state="done",
                    due_at=at,
                    userid=SU,
                    external_userid=f"wm{channel_id}x{days_ago}x{one}",
                    change_type="add_external_contact",
                    channel_id=channel_id,
                    added_at=at,
                    received_at=at,
                    **({"outcome": "sent"} | more),
                )
                for one in range(number)
            )

    async def _people(self) -> None:
        now = self.clock.now()
        async with self.database.write() as session:
            session.add_all(
                Guide(userid=userid, name=name, since=now) for userid, name in GUIDES.items()
            )
            await meet(session, list(PEOPLE), stage="icebreak", now=now)
            for place, (who, (name, stage, tags, quiet)) in enumerate(PEOPLE.items()):
                customer = await session.get_one(Customer, who)
                customer.name, customer.stage, customer.tags = name, stage, tags
                customer.first_seen_at = now - timedelta(days=place)
                customer.channel = "chDoor" if place % 2 else None
                await apply_change(
                    session, SU, who, FollowChange.ADDED, at=now - timedelta(days=99 + place),
                    channel="chDoor" if place % 2 else "",
                )  # fmt: skip
                talk = Conversation(
                    kind="kf",
                    peer="wkShop",
                    external_userid=who,
                    last_inbound_at=now - timedelta(days=quiet, minutes=3),
                )
                session.add(talk)
            await apply_change(
                session, HE, "wmLin", FollowChange.ADDED, at=now - timedelta(days=3)
            )
            follow = await session.get_one(Follow, (SU, "wmLin"))
            follow.remark = "林女士 M码 怕扎"

    async def _tags(self) -> None:
        now = self.clock.now()
        async with self.database.write() as session:
            session.add_all(
                [
                    TagGroup(group_id="gKind", name="客户类型", position=2, read_at=now),
                    TagGroup(group_id="gBot", name="机器人", position=1, read_at=now),
                ]
            )
            for name in ("老客", "新客", "VIP", "宝妈", "羊绒控"):
                ours = name == "羊绒控"
                session.add(
                    CorpTag(
                        tag_id=f"et{name}",
                        group_id="gBot" if ours else "gKind",
                        name=name,
                        ours=ours,
                        read_at=now,
                    )
                )
            for who, (_, _, tags, _) in PEOPLE.items():
                session.add_all(
                    FollowTag(tag_id=f"et{tag}", external_userid=who, userid=SU) for tag in tags
                )

    async def _life_of_lin(self) -> None:
        now = self.clock.now()
        async with self.database.write() as session:
            talk = await _talk_of(session, "wmLin")
            burst = Burst(
                lane="c1", state="done", due_at=now, conversation_id=talk, opened_at=now,
                last_sent_at=now,
            )  # fmt: skip
            session.add(burst)
            await session.flush()
            for place, words in enumerate(("预算八百以内，平时穿M码", "好看是好看，就是太贵了吧")):
                session.add(_message(talk, burst.id, words, now - timedelta(hours=5 - place)))
            session.add_all(
                [
                    StageMove(
                        external_userid="wmLin", from_stage="icebreak", to_stage="discover",
                        cause="ask_price", detail="", at=now - timedelta(days=1),
                    ),
                    StageMove(
                        external_userid="wmLin", from_stage="discover", to_stage="objection",
                        cause="complain_price", detail="", at=now - timedelta(hours=4),
                    ),
                    _fact("size", "M", 0.9, "平时穿M码", now),
                    _fact("budget", "800", 0.7, "预算八百以内", now),
                    BehaviourEvent(
                        event_id="e1", type="added_to_cart", external_userid="wmLin",
                        customer="wmLin", state="applied", data={}, at=now - timedelta(hours=6),
                        received_at=now,
                    ),
                    Suggestion(
                        burst_id=burst.id, conversation_id=talk, external_userid="wmLin",
                        status="pending", text="好看是好看，就是太贵了吧", said_at=now,
                        stage="objection", choices=[], created_at=now,
                        understanding={"intent": "complain_price", "confidence": 0.9,
                                       "ranking": [], "entities": []},
                    ),
                ]
            )  # fmt: skip

    async def _groups(self) -> None:
        now = self.clock.now()
        async with self.database.write() as session:
            for place, (name, segment, purpose) in enumerate(
                [
                    ("暖屿宝妈交流一群", "mothers", "亲肤面料和穿搭答疑"),
                    ("老客专享群", "vip", "新品先看、会员价"),
                    ("周五闪购群", "", "每周五晚八点特价"),
                ]
            ):
                chat_id = f"wrGroup{place}"
                quiet = timedelta(days=60 if place == 2 else 1)
                session.add(
                    CustomerGroup(
                        chat_id=chat_id, name=name, owner=SU if place < 2 else HE, state="active",
                        made_at=now - timedelta(days=90), known_since=now, members=4 + place,
                        customers=3, last_join_at=now - quiet, segment=segment, purpose=purpose,
                    )
                )  # fmt: skip
                await session.flush()
                for number, who in enumerate(("wmLin", "wmMay", f"wmOther{place}")):
                    joined = now - timedelta(days=3 * number + 1 + (60 if place == 2 else 0))
                    session.add_all(
                        [
                            GroupMember(
                                chat_id=chat_id, userid=who, kind=2,
                                name=PEOPLE.get(who, ("米米",))[0], joined_at=joined, invitor=SU,
                            ),
                            GroupMove(
                                chat_id=chat_id, userid=who, kind="joined", at=joined,
                                day=joined.date().isoformat(), source="event", invitor=SU,
                            ),
                        ]
                    )  # fmt: skip


async def _talk_of(session: Any, who: str) -> int:
    found = await session.scalar(
        select(Conversation.id).where(Conversation.external_userid == who)
    )
    assert found is not None
    return int(found)


def _message(talk: int, burst: int, text: str, at: datetime) -> Message:
    return Message(
        source="wkShop", msgid=f"m{at.timestamp()}", conversation_id=talk, burst_id=burst,
        origin=3, msgtype="text", text=text, payload={}, sent_at=at, received_at=at,
    )  # fmt: skip


def _fact(field: str, value: str, confidence: float, quote: str, now: datetime) -> PortraitFact:
    return PortraitFact(
        external_userid="wmLin", field=field, value=value, confidence=confidence,
        state="guessed", quote=quote, first_at=now, last_at=now,
    )  # fmt: skip


@asynccontextmanager
async def open_pages(url: str, model: dict[str, Any], **more: Any) -> AsyncIterator[PagesShop]:
    """A bot on a sandbox platform, served but with none of its loops running."""
    clock = ManualClock(NOON)
    corp = SandboxSettings(clock=clock.now, callback_url="http://127.0.0.1:9/wecom/callback")
    platform = Platform(corp)
    try:
        async with TestServer(create_app(corp, platform)) as sandbox:
            settings = Settings.model_validate(
                {
                    "database": {"url": url},
                    "wecom": {
                        "api_base": str(sandbox.make_url("/cgi-bin/")),
                        "corp_id": corp.corp_id,
                        "secret": corp.secret,
                        "token": corp.token,
                        "encoding_aes_key": corp.encoding_aes_key,
                    },
                    "nlu": model,
                    "shop": {"name": "暖屿生活馆"},
                    "scripts": {"import_on_start": False},
                    **more,
                }
            )
            async with (
                open_bot(settings, clock=clock) as bot,
                TestServer(bot.application()) as server,
            ):
                password = await ensure_first_user(bot.ground.database, clock)
                assert password is not None
                yield PagesShop(bot, server, platform, clock, password)
    finally:
        platform.close()
