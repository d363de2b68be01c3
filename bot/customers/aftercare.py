"""What follows a greeting at once: stage, channel, tags, the journey, and word to the guides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.customers.acquaintance import Names
from bot.customers.contact_events import RelationChange, apply_changes
from bot.customers.follows import FollowChange
from bot.customers.funnel import Funnel
from bot.customers.greeting_case import Case
from bot.customers.new_friends import ADDED, HALF_ADDED
from bot.customers.notices import Word, tell_guides
from bot.customers.profiles import meet
from bot.customers.stages import move_stage
from bot.customers.tagging import tag_row
from bot.settings import GreetingSettings
from bot.store.channel_tables import Channel, Enrolment
from bot.store.claims import settle_all
from bot.store.contact_tables import TagJob
from bot.store.tables import Customer, WorkState
from bot.store.upsert import insert_new

_JOINS = {ADDED: FollowChange.ADDED, HALF_ADDED: FollowChange.HALF_ADDED}
_ASLEEP = "dormant"


@dataclass(frozen=True, slots=True)
class Ending:
    """One new friend's row that has come to its end; `tell`: the guide should greet by hand."""

    case: Case
    names: Names
    tell: bool


class Aftercare:
    """Writes everything in the transaction that settles the greetings."""

    def __init__(self, clock: Clock, funnel: Funnel, settings: GreetingSettings) -> None:
        self._clock = clock
        self._funnel = funnel
        self._settings = settings

    async def settle(self, session: AsyncSession, endings: Sequence[Ending]) -> None:
        """End these rows in as many statements for a crowd as for one.

        Nothing happens for a row that went to somebody else.
        """
        now = self._clock.now()
        rows = [one.case.row for one in endings]
        held = await settle_all(session, rows, now=now, state=WorkState.DONE)
        ours = [
            one
            for one in endings
            if one.case.row.id in held and one.case.row.change_type in _JOINS
        ]
        if not ours:
            return
        await self._make_known(session, ours, now)
        await self._wake(session, [one.case for one in ours], now)
        await self._start(session, [one.case for one in ours], now)
        if self._settings.tell_guides:
            await tell_guides(session, [word for one in ours for word in _words(one)], now=now)

    async def _make_known(
        self, session: AsyncSession, endings: Sequence[Ending], now: datetime
    ) -> None:
        rows = [one.case.row for one in endings]
        people = {row.external_userid for row in rows}
        await meet(session, people, stage=self._funnel.initial, now=now)
        changes = [
            RelationChange(
                userid=row.userid,
                external_userid=row.external_userid,
                kind=_JOINS[row.change_type],
                at=row.added_at,
                channel=row.channel_state,
                detail={"channel": row.channel_state} if row.channel_state else {},
            )
            for row in rows
        ]
        await apply_changes(session, changes)
        await _name(session, endings)

    async def _wake(self, session: AsyncSession, cases: Sequence[Case], now: datetime) -> None:
        """Somebody asleep begins anew; a buyer or somebody under way stays where they are."""
        if _ASLEEP == self._funnel.initial:
            return
        people = {case.row.external_userid for case in cases}
        asleep = await session.scalars(
            select(Customer.external_userid).where(
                Customer.external_userid.in_(sorted(people)), Customer.stage == _ASLEEP
            )
        )
        for who in asleep.all():
            await move_stage(
                session,
                who,
                seen=_ASLEEP,
                to=self._funnel.initial,
                cause="added_again",
                now=now,
            )

    async def _start(self, session: AsyncSession, cases: Sequence[Case], now: datetime) -> None:
        """Tags and journeys of the channels, and another look at who is on duty."""
        came = [(case, case.channel) for case in cases if case.channel is not None]
        tags = [
            self._tags(case, channel, now)
            for case, channel in came
            if case.row.change_type == ADDED and channel.tags
        ]
        if tags:
            await session.execute(insert(TagJob), tags)
        enrolments = [
            _enrolment(case, channel, now)
            for case, channel in came
            if channel.journey and channel.paused_at is None and not case.opted_out
        ]
        unique = ["journey", "external_userid"]
        await insert_new(session, Enrolment, enrolments, unique=unique, returning=Enrolment.id)
        capped = {one.id for _, one in came if one.daily_cap is not None or one.caps}
        for channel_id in sorted(capped):
            await session.execute(
                update(Channel).where(Channel.id == channel_id).values(look_at=now)
            )

    def _tags(self, case: Case, channel: Channel, now: datetime) -> dict[str, Any]:
        return tag_row(
            case.row.userid,
            case.row.external_userid,
            names=channel.tags,
            group=self._settings.tag_group,
            cause="channel",
            because=f"来自渠道「{channel.name}」",
            now=now,
        )


async def _name(session: AsyncSession, endings: Sequence[Ending]) -> None:
    """Names that greetings asked for, where nothing better is known."""
    told = [
        {"who": one.case.row.external_userid, "told_name": contact.name,
         "told_avatar": contact.avatar, "told_gender": contact.gender}
        for one in endings
        if (contact := one.names.contact) and contact.name
    ]  # fmt: skip
    if not told:
        return
    customers = cast("Table", Customer.__table__)
    await session.execute(
        update(customers)
        .where(customers.c.external_userid == bindparam("who"), customers.c.name == "")
        .values(
            name=bindparam("told_name"),
            avatar=bindparam("told_avatar"),
            gender=bindparam("told_gender"),
        ),
        told,
    )


def _enrolment(case: Case, channel: Channel, now: datetime) -> dict[str, Any]:
    return {
        "journey": channel.journey,
        "external_userid": case.row.external_userid,
        "userid": case.row.userid,
        "channel_id": channel.id,
        "enrolled_at": now,
    }


def _words(ending: Ending) -> Iterator[Word]:
    """What guides are told of one new friend."""
    row, others, customer = ending.case.row, ending.case.others, ending.names.customer
    if ending.tell:
        text = (
            f"新好友「{customer}」的欢迎语没有发出：{row.reason}\n"
            f"请您亲自打个招呼，可以直接复制：\n\n{row.text}"
        )
        yield Word(row.userid, text, "greeting_failed", row.key, row.external_userid)
    for userid in (row.userid, *others) if others else ():
        text = _shared(customer, row.userid, others, mine=userid == row.userid)
        yield Word(userid, text, "shared_customer", row.key, row.external_userid)


def _shared(customer: str, newcomer: str, others: tuple[str, ...], *, mine: bool) -> str:
    """One customer, one price: both guides know of each other."""
    if mine:
        return (
            f"您的新好友「{customer}」也是 {'、'.join(others)} 的客户。"
            "报价和优惠请先看客户页上的往来，避免前后不一。"
        )
    return f"您的客户「{customer}」刚添加了 {newcomer}。请互相通个气，报价和优惠保持一致。"
