"""What follows a greeting at once: stage, channel, tags, the journey, and word to the guides."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.customers.acquaintance import Names
from bot.customers.contact_events import apply_change
from bot.customers.follows import FollowChange
from bot.customers.funnel import Funnel
from bot.customers.greeting_case import Case
from bot.customers.new_friends import ADDED, HALF_ADDED
from bot.customers.notices import tell_guide
from bot.customers.profiles import meet
from bot.customers.stages import move_stage
from bot.customers.tagging import want_tags
from bot.settings import GreetingSettings
from bot.store.channel_tables import Channel, Enrolment
from bot.store.claims import settle
from bot.store.tables import Customer, WorkState
from bot.store.upsert import insert_new
from bot.wecom.contacts import Contact

_JOINS = {ADDED: FollowChange.ADDED, HALF_ADDED: FollowChange.HALF_ADDED}
_ASLEEP = "dormant"


class Aftercare:
    """Writes everything in the transaction that settles the greeting."""

    def __init__(self, clock: Clock, funnel: Funnel, settings: GreetingSettings) -> None:
        self._clock = clock
        self._funnel = funnel
        self._settings = settings

    async def settle(self, session: AsyncSession, case: Case, names: Names, *, tell: bool) -> None:
        """The end of one new friend's row; nothing happens when the row went to somebody else."""
        now = self._clock.now()
        if not await settle(session, case.row, now=now, state=WorkState.DONE, error=None):
            return
        if case.row.change_type not in _JOINS:
            return
        await self._make_known(session, case, names.contact, now)
        await self._start(session, case, now)
        if self._settings.tell_guides:
            await self._tell(session, case, names, now, failed=tell)

    async def _make_known(
        self, session: AsyncSession, case: Case, contact: Contact | None, now: datetime
    ) -> None:
        row = case.row
        await meet(session, [row.external_userid], stage=self._funnel.initial, now=now)
        await apply_change(
            session,
            row.userid,
            row.external_userid,
            _JOINS[row.change_type],
            at=row.added_at,
            channel=row.channel_state,
            detail={"channel": row.channel_state} if row.channel_state else {},
        )
        if contact and contact.name:
            await session.execute(
                update(Customer)
                .where(Customer.external_userid == row.external_userid, Customer.name == "")
                .values(name=contact.name, avatar=contact.avatar, gender=contact.gender)
                .execution_options(synchronize_session=False)
            )

    async def _start(self, session: AsyncSession, case: Case, now: datetime) -> None:
        """Somebody asleep begins anew; a buyer or somebody under way stays where they are."""
        row, channel = case.row, case.channel
        stage = await session.scalar(
            select(Customer.stage).where(Customer.external_userid == row.external_userid)
        )
        if stage == _ASLEEP and _ASLEEP != self._funnel.initial:
            await move_stage(
                session,
                row.external_userid,
                seen=stage,
                to=self._funnel.initial,
                cause="added_again",
                now=now,
            )
        if channel is None:
            return
        if row.change_type == ADDED and channel.tags:
            await want_tags(
                session,
                row.userid,
                row.external_userid,
                names=channel.tags,
                group=self._settings.tag_group,
                cause="channel",
                because=f"来自渠道「{channel.name}」",
                now=now,
            )
        if channel.journey and channel.paused_at is None and not case.opted_out:
            await _enrol(session, case, channel, now)
        if channel.daily_cap is not None or channel.caps:
            await session.execute(
                update(Channel).where(Channel.id == channel.id).values(look_at=now)
            )

    async def _tell(
        self, session: AsyncSession, case: Case, names: Names, now: datetime, *, failed: bool
    ) -> None:
        row = case.row
        if failed:
            await tell_guide(
                session,
                row.userid,
                f"新好友「{names.customer}」的欢迎语没有发出：{row.reason}\n"
                f"请您亲自打个招呼，可以直接复制：\n\n{row.text}",
                kind="greeting_failed",
                about=row.key,
                external_userid=row.external_userid,
                now=now,
            )
        for userid in (row.userid, *case.others) if case.others else ():
            await tell_guide(
                session,
                userid,
                _shared(names.customer, row.userid, case.others, mine=userid == row.userid),
                kind="shared_customer",
                about=row.key,
                external_userid=row.external_userid,
                now=now,
            )


async def _enrol(session: AsyncSession, case: Case, channel: Channel, now: datetime) -> None:
    row = {
        "journey": channel.journey,
        "external_userid": case.row.external_userid,
        "userid": case.row.userid,
        "channel_id": channel.id,
        "enrolled_at": now,
    }
    await insert_new(
        session,
        Enrolment,
        [row],
        unique=["journey", "external_userid"],
        returning=Enrolment.id,
    )


def _shared(customer: str, newcomer: str, others: tuple[str, ...], *, mine: bool) -> str:
    """One customer, one price: both guides know of each other."""
    if mine:
        return (
            f"您的新好友「{customer}」也是 {'、'.join(others)} 的客户。"
            "报价和优惠请先看客户页上的往来，避免前后不一。"
        )
    return f"您的客户「{customer}」刚添加了 {newcomer}。请互相通个气，报价和优惠保持一致。"
