"""What followed a sent script: the customer answered, or moved on in the funnel."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.tables import ScriptUse

_CREDIT = timedelta(days=2)
_MEMORY = timedelta(days=30)


async def credit_last_script(
    session: AsyncSession, external_userid: str, *, said_at: datetime, advanced: bool
) -> None:
    """The customer said something: the script sent last gets the credit, within two days."""
    last = await session.scalar(
        select(ScriptUse.id)
        .where(
            ScriptUse.external_userid == external_userid,
            ScriptUse.outcome == "sent",
            ScriptUse.at <= said_at,
            ScriptUse.at > said_at - _CREDIT,
        )
        .order_by(ScriptUse.id.desc())
        .limit(1)
    )
    if last is not None:
        values = {"replied": True} | ({"advanced": True} if advanced else {})
        await session.execute(update(ScriptUse).where(ScriptUse.id == last).values(**values))


async def recently_sent(
    session: AsyncSession, external_userid: str, *, now: datetime
) -> dict[str, datetime]:
    """When this customer last got which script, over the last thirty days."""
    rows = await session.execute(
        select(ScriptUse.script_id, ScriptUse.at)
        .where(
            ScriptUse.external_userid == external_userid,
            ScriptUse.outcome == "sent",
            ScriptUse.at > now - _MEMORY,
        )
        .order_by(ScriptUse.at)
    )
    return dict(rows.all())
