"""Behaviour of people who were strangers when it was reported."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.contact_tables import BehaviourEvent

_DOOR = func.hashtext("people appear")


class BehaviourState(StrEnum):
    """`parked`: the customer is unknown; `ready`: they appeared; `applied`: taken into account."""

    PARKED = "parked"
    READY = "ready"
    APPLIED = "applied"


async def wait_for_newcomers(session: AsyncSession) -> None:
    """Until this transaction ends nobody appears unseen: those on their way have arrived.

    Without it a stranger's event and the stranger could come in at once, neither seeing the
    other, and the event would wait for ever.
    """
    if _is_postgres(session):
        await session.execute(select(func.pg_advisory_xact_lock(_DOOR)))


async def unpark(
    session: AsyncSession,
    *,
    external_userids: Iterable[str | None] = (),
    unionids: Iterable[str | None] = (),
) -> None:
    """Somebody became known: what waited for them is to be applied."""
    known = sorted(filter(None, external_userids))
    unions = sorted(filter(None, unionids))
    matches = [
        column.in_(values)
        for column, values in (
            (BehaviourEvent.external_userid, known),
            (BehaviourEvent.unionid, unions),
        )
        if values
    ]
    if matches:
        if _is_postgres(session):
            await session.execute(select(func.pg_advisory_xact_lock_shared(_DOOR)))
        await session.execute(
            update(BehaviourEvent)
            .where(BehaviourEvent.state == BehaviourState.PARKED, or_(*matches))
            .values(state=BehaviourState.READY)
            .execution_options(synchronize_session=False)
        )


def _is_postgres(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "postgresql"
