"""Channels: written down before WeCom is asked, so that no code is ever lost."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, distinct, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.customers.channel_codes import ChannelCodes, Code, StrangeGuides
from bot.customers.channel_draft import ChannelDraft, ChannelFields, ChannelPatch, Shift
from bot.customers.duty import Roster
from bot.customers.greeting_content import CUSTOMER, GUIDE, SHOP
from bot.errors import Conflict, NotFound, RetryLater, Unprocessable, WeComError
from bot.store.channel_tables import Channel, ChannelStatus, Greeting
from bot.store.database import Database

_MAKING = timedelta(seconds=90)
_AGAIN = timedelta(minutes=1)
_AGAIN_REFUSED = timedelta(minutes=15)
_MADE_LATER = "渠道已记下（编号 {}），过一两分钟会自动找回或补建，请不要重复创建"
FIELDS = tuple(ChannelFields.model_fields)


class Channels:
    """Creates, changes and deletes channels, and keeps the right guides behind their codes."""

    def __init__(
        self,
        database: Database,
        codes: ChannelCodes,
        clock: Clock,
        *,
        zone: ZoneInfo,
        variables: Collection[str] = (),
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._codes = codes
        self._clock = clock
        self._zone = zone
        self._variables = {*variables, CUSTOMER, GUIDE, SHOP}
        self.on_change = on_change

    async def create(self, draft: ChannelDraft) -> Channel:
        """Make a channel with its code.

        Raises a `WeComError` when WeCom refused, or when its answer was lost: then the row stays
        and the code is found or made by `tend`. Guides whom WeCom does not know leave no row.
        """
        self._check(draft)
        now = self._clock.now()
        channel = Channel(
            state=f"ch{secrets.token_hex(7)}",
            kind=draft.kind,
            status=ChannelStatus.CREATING,
            on_duty=[],
            look_at=now + _MAKING,
            created_at=now,
            updated_at=now,
            **_columns(draft),
        )
        async with self._database.write() as session:
            session.add(channel)
        try:
            await self._make(channel)
        except StrangeGuides:
            await self._forget(channel.id)
            raise
        self.on_change()
        return await self.get(channel.id)

    async def _forget(self, channel_id: int) -> None:
        """A draft that has to be mended and sent again; nothing of it is at WeCom."""
        async with self._database.write() as session:
            await session.execute(delete(Channel).where(Channel.id == channel_id))

    def _check(self, fields: ChannelFields) -> None:
        try:
            fields.greeting.check_variables(self._variables)
        except ValueError as error:
            raise Unprocessable(str(error)) from None

    async def _make(self, channel: Channel) -> None:
        users = await self.duty(channel)
        try:
            code = await self._codes.make(channel, users)
        except RetryLater as error:
            error.hint = error.details["hint"] = _MADE_LATER.format(channel.id)
            raise
        except WeComError as error:
            await self._write(channel.id, status=ChannelStatus.FAILED, error=_reason(error))
            raise
        await self._activate(channel, code, users)

    async def _activate(self, channel: Channel, code: Code, users: Sequence[str]) -> None:
        """Without `users` nobody knows whom WeCom has behind the code: `tend` will tell it."""
        made = await self._settle(
            channel,
            users,
            status=ChannelStatus.ACTIVE,
            config_id=code.config_id,
            qr_code=code.qr_code,
            error=None,
        )
        if not made:
            channel.config_id = code.config_id
            await self._codes.delete(channel)
            return
        loggers.customers.info("channel is active", channel=channel.id)

    async def _settle(self, channel: Channel, users: Sequence[str], **values: Any) -> bool:
        """Write whom WeCom has behind the code now; False when the channel was deleted meanwhile.

        Whoever edited it meanwhile, or wanted another look, has that look made at once.
        """
        change = roster(channel).next_change(self._local_now())
        async with self._database.write() as session:
            known = await session.get_one(Channel, channel.id, with_for_update=True)
            if known.status == ChannelStatus.DELETED:
                return False
            edited = known.updated_at != channel.updated_at
            unseen = edited or known.look_at != channel.look_at
            for name, value in values.items():
                setattr(known, name, value)
            if known.status == ChannelStatus.ACTIVE:
                known.on_duty = [] if edited else list(users)
                known.look_at = self._clock.now() if unseen or not users else change
        return True

    async def get(self, channel_id: int) -> Channel:
        """One channel that was not deleted; raises `NotFound`."""
        async with self._database.read() as session:
            channel = await session.get(Channel, channel_id)
        if channel is None or channel.status == ChannelStatus.DELETED:
            raise NotFound(f"没有编号为 {channel_id} 的渠道")
        return channel

    async def page(self, *, after: int = 0, limit: int = 50) -> list[Channel]:
        """Channels in the order of their making."""
        async with self._database.read() as session:
            rows = await session.scalars(
                select(Channel)
                .where(Channel.id > after, Channel.status != ChannelStatus.DELETED)
                .order_by(Channel.id)
                .limit(limit)
            )
            return list(rows)

    async def change(self, channel_id: int, patch: ChannelPatch) -> Channel:
        """Change what the patch names, at WeCom first where it matters there."""
        channel = await self.get(channel_id)
        given = patch.model_dump(exclude_unset=True, by_alias=True)
        fields = ChannelFields.model_validate(_written(channel) | given)
        self._check(fields)
        before = (tuple(channel.on_duty), channel.remark, channel.skip_verify, channel.name)
        for name, value in _columns(fields).items():
            setattr(channel, name, value)
        users = await self.duty(channel)
        after = (users, channel.remark, channel.skip_verify, channel.name)
        if channel.status == ChannelStatus.ACTIVE and after != before:
            await self._push(channel, users)
        named = {name: value for name, value in _columns(fields).items() if name in given}
        await self._settle(channel, users, **named, updated_at=self._clock.now())
        self.on_change()
        return await self.get(channel_id)

    async def pause(self, channel_id: int, *, by: str, reason: str = "") -> Channel:
        """Let a channel rest: its backups take the code, its words and its journey are not used.

        WeCom cannot switch a code off but by deleting it for good, and a printed one must lead to
        somebody. Tags are still put on: they say where somebody came from, which stays true.
        """
        channel = await self.get(channel_id)
        if channel.status != ChannelStatus.ACTIVE:
            raise Conflict("渠道的活码还没有做好，现在不能暂停", status=channel.status)
        if channel.paused_at is not None:
            return channel
        return await self._set_pause(
            channel, paused_at=self._clock.now(), paused_by=by[:64], pause_reason=reason[:200]
        )

    async def resume(self, channel_id: int) -> Channel:
        """Use a paused channel again, with whoever is on duty now."""
        channel = await self.get(channel_id)
        if channel.paused_at is None:
            return channel
        return await self._set_pause(channel, paused_at=None, paused_by=None, pause_reason=None)

    async def _set_pause(self, channel: Channel, **pause: Any) -> Channel:
        """Written first, so that a lost answer is put right by `tend`."""
        for name, value in pause.items():
            setattr(channel, name, value)
        now = channel.look_at = channel.updated_at = self._clock.now()
        await self._write(channel.id, **pause, look_at=now, updated_at=now)
        users = await self.duty(channel)
        if tuple(channel.on_duty) != users:
            await self._push(channel, users)
        await self._settle(channel, users, error=None)
        loggers.customers.info(
            "channel is paused" if channel.paused_at else "channel is resumed", channel=channel.id
        )
        self.on_change()
        return await self.get(channel.id)

    async def _push(self, channel: Channel, users: Sequence[str]) -> None:
        try:
            await self._codes.update(channel, users)
        except RetryLater:
            # Whatever WeCom has now, the row still says what it should be: `tend` restores it.
            await self._write(channel.id, on_duty=[], look_at=self._clock.now() + _AGAIN)
            raise

    async def delete(self, channel_id: int) -> None:
        """Delete the code; whoever scanned it before is still greeted in its words."""
        channel = await self.get(channel_id)
        if channel.config_id is None and channel.status == ChannelStatus.CREATING:
            if found := await self._codes.find(channel):
                channel.config_id = found.config_id
        await self._codes.delete(channel)
        await self._write(
            channel_id,
            status=ChannelStatus.DELETED,
            look_at=None,
            deleted_at=self._clock.now(),
        )

    async def tend(self) -> None:
        """See to all channels that are due: finish their making, change their guards."""
        for channel in await self._due():
            if (until := await self._take(channel)) is None:
                continue
            channel.look_at = until
            try:
                await self._tend_one(channel)
            except WeComError as error:
                again = _AGAIN if isinstance(error, RetryLater) else _AGAIN_REFUSED
                await self._write(
                    channel.id, error=_reason(error), look_at=self._clock.now() + again
                )
                loggers.customers.warning(
                    "a channel was put off", channel=channel.id, why=error.message
                )

    async def _due(self) -> Sequence[Channel]:
        async with self._database.read() as session:
            return (
                await session.scalars(
                    select(Channel)
                    .where(
                        Channel.status.in_([ChannelStatus.CREATING, ChannelStatus.ACTIVE]),
                        Channel.look_at <= self._clock.now(),
                    )
                    .order_by(Channel.look_at)
                    .limit(200)
                )
            ).all()

    async def _take(self, channel: Channel) -> datetime | None:
        """Another replica may be at it: whoever moves `look_at` has the channel until then."""
        until = self._clock.now() + _MAKING
        async with self._database.write() as session:
            taken = await session.scalar(
                update(Channel)
                .where(Channel.id == channel.id, Channel.look_at == channel.look_at)
                .values(look_at=until)
                .returning(Channel.id)
                .execution_options(synchronize_session=False)
            )
        return None if taken is None else until

    async def _tend_one(self, channel: Channel) -> None:
        if channel.status == ChannelStatus.CREATING:
            if found := await self._codes.find(channel):
                await self._activate(channel, found, ())
            else:
                await self._make(channel)
            return
        users = await self.duty(channel)
        if tuple(channel.on_duty) != users:
            await self._codes.update(channel, users)
        await self._settle(channel, users, error=None)

    async def duty(self, channel: Channel) -> tuple[str, ...]:
        """Who should be behind the code now."""
        rules, now = roster(channel), self._local_now()
        async with self._database.read() as session:
            return rules.on_duty(now, await added_since(session, channel.id, _midnight(now)))

    def _local_now(self) -> datetime:
        return self._clock.now().astimezone(self._zone)

    async def _write(self, channel_id: int, **values: Any) -> None:
        async with self._database.write() as session:
            await session.execute(update(Channel).where(Channel.id == channel_id).values(**values))


def roster(channel: Channel) -> Roster:
    """The rules of a channel by which its guides take turns."""
    return Roster(
        guides=channel.guides,
        backups=channel.backups,
        shifts=[Shift.model_validate(one) for one in channel.shifts],
        daily_cap=channel.daily_cap,
        caps=channel.caps,
        paused=channel.paused_at is not None,
    )


async def added_since(session: AsyncSession, channel_id: int, since: datetime) -> dict[str, int]:
    """How many new friends each guide had through a channel."""
    rows = await session.execute(
        select(Greeting.userid, func.count(distinct(Greeting.external_userid)))
        .where(Greeting.channel_id == channel_id, Greeting.added_at >= since)
        .group_by(Greeting.userid)
    )
    return dict(rows.all())


def _midnight(now: datetime) -> datetime:
    return datetime.combine(now.date(), time(), tzinfo=now.tzinfo)


def _columns(fields: ChannelFields) -> dict[str, Any]:
    written = fields.model_dump(mode="json", by_alias=True)
    return {name: written[name] for name in FIELDS}


def _written(channel: Channel) -> dict[str, Any]:
    return {name: getattr(channel, name) for name in FIELDS}


def _reason(error: WeComError) -> str:
    return "；".join(filter(None, (error.message, error.hint)))
