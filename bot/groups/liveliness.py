"""Which groups were spoken in, as far as WeCom lets it be known.

WeCom counts messages by owner, never by group: only an owner all of whose groups were spoken in
on a day, as the sole group of an owner is, tells it of each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select, update

from bot import loggers
from bot.clock import Clock
from bot.errors import WeComError
from bot.store.database import Database
from bot.store.group_tables import CustomerGroup, GroupState
from bot.wecom.client import WeComClient
from bot.wecom.group_chats import MOST_OWNERS, messages_by_owner


class Liveliness:
    """Asks once for each day that is over."""

    def __init__(
        self, database: Database, client: WeComClient, clock: Clock, *, zone: ZoneInfo
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._zone = zone

    async def note_yesterday(self) -> None:
        """Write down which groups were spoken in; a refusal leaves that unknown."""
        today = self._clock.now().astimezone(self._zone).date()
        yesterday = datetime.combine(today - timedelta(days=1), time(), tzinfo=self._zone)
        groups = await self._groups_by_owner()
        owners = sorted(groups)
        try:
            for start in range(0, len(owners), MOST_OWNERS):
                await self._note(owners[start : start + MOST_OWNERS], groups, yesterday)
        except WeComError as error:
            loggers.groups.warning("messages in groups stay unknown", exc_info=error)

    async def _groups_by_owner(self) -> dict[str, int]:
        async with self._database.read() as session:
            rows = await session.execute(
                select(CustomerGroup.owner, func.count())
                .where(CustomerGroup.state == GroupState.ACTIVE, CustomerGroup.owner != "")
                .group_by(CustomerGroup.owner)
            )
            return {owner: number for owner, number in rows}  # noqa: C416

    async def _note(self, owners: list[str], groups: Mapping[str, int], day: datetime) -> None:
        stamp = int(day.timestamp())
        answer: dict[str, Any] = await self._client.group_chats.statistic(
            owners, begin=stamp, end=stamp
        )
        spoken = messages_by_owner(answer)
        lively = [owner for owner in owners if spoken.get(owner, 0) >= groups[owner]]
        said_at = day + timedelta(days=1) - timedelta(seconds=1)
        async with self._database.write() as session:
            await session.execute(
                update(CustomerGroup)
                .where(
                    CustomerGroup.owner.in_(lively),
                    CustomerGroup.state == GroupState.ACTIVE,
                    or_(
                        CustomerGroup.last_message_at.is_(None),
                        CustomerGroup.last_message_at < said_at,
                    ),
                )
                .values(last_message_at=said_at)
                .execution_options(synchronize_session=False)
            )
