"""All that is kept of one customer: handed out, or erased with only an audit row left (个保法).

Tables are found by their columns: whoever adds one with `external_userid`, or one that hangs on
a conversation or a suggestion, need not tell us.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from typing import Any

from sqlalchemy import Table, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

import bot.store
from bot.clock import Clock
from bot.customers.erasures import digest_of
from bot.errors import NotFound
from bot.store.contact_tables import Erasure
from bot.store.database import Database
from bot.store.outreach_tables import TURN, OutreachTask, TouchRow
from bot.store.tables import Base, Conversation, Customer, InboxEvent, Suggestion

_OWNERS = ("external_userid", "customer")


class PersonalData:
    """Exports and erases."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def export(self, external_userid: str) -> dict[str, Any]:
        """Every row about one customer by table, as JSON-ready values."""
        async with self._database.read() as session:
            await _known(session, external_userid)
            tables: dict[str, list[dict[str, Any]]] = {}
            for table, where in _about(external_userid):
                rows = await session.execute(select(table).where(where))
                if found := [_plain(row) for row in rows.mappings()]:
                    tables[table.name] = found
        return {
            "external_userid": external_userid,
            "exported_at": self._clock.now().isoformat(),
            "tables": tables,
        }

    async def erase(self, external_userid: str, *, by: str, reason: str = "") -> dict[str, int]:
        """Delete every row about one customer; returns how many by table.

        A digest stays, so that the daily reading of contacts does not bring them back; they
        return only by adding a guide or writing to us again.
        """
        async with self._database.write() as session:
            await self._database.alone(session, TURN)
            await _known(session, external_userid)
            counts: dict[str, int] = {}
            await _leave_audiences(session, external_userid)
            for table, where in reversed(list(_about(external_userid))):
                result: Any = await session.execute(delete(table).where(where))
                if result.rowcount:
                    counts[table.name] = result.rowcount
            session.add(
                Erasure(
                    digest=digest_of(external_userid),
                    by=by[:64],
                    reason=reason[:200],
                    rows=counts,
                    at=self._clock.now(),
                )
            )
        return counts


async def _leave_audiences(session: AsyncSession, external_userid: str) -> None:
    """Tasks for many name their customers in one value, which no column tells of."""
    theirs = select(TouchRow.task_id).where(TouchRow.external_userid == external_userid)
    tasks = select(OutreachTask).where(OutreachTask.id.in_(theirs)).with_for_update()
    for task in await session.scalars(tasks):
        task.audience = [who for who in task.audience if who != external_userid]
    await session.flush()


async def _known(session: AsyncSession, external_userid: str) -> None:
    if await session.get(Customer, external_userid) is None:
        raise NotFound(f"没有客户 {external_userid[:64]}")


def _about(external_userid: str) -> Iterator[tuple[Table, Any]]:
    """Tables with the condition for one customer's rows, each after those it refers to."""
    _know_all_tables()
    conversations = select(Conversation.id).where(Conversation.external_userid == external_userid)
    suggestions = select(Suggestion.id).where(Suggestion.external_userid == external_userid)
    for table in Base.metadata.sorted_tables:
        owners: list[Any] = [
            table.c[name] == external_userid for name in _OWNERS if name in table.c
        ]
        if table.name == InboxEvent.__tablename__:
            owners.append(InboxEvent.fields["ExternalUserID"].as_string() == external_userid)
        if "conversation_id" in table.c:
            owners.append(table.c.conversation_id.in_(conversations))
        if "suggestion_id" in table.c:
            owners.append(table.c.suggestion_id.in_(suggestions))
        if owners:
            yield table, or_(*owners)


def _know_all_tables() -> None:
    """A command imports few rooms, yet no table may be forgotten."""
    for module in pkgutil.iter_modules(bot.store.__path__, "bot.store."):
        if module.name.endswith("tables"):
            import_module(module.name)


def _plain(row: Any) -> dict[str, Any]:
    return {key: _value(value) for key, value in row.items()}


def _value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
