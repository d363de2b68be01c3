"""The saved texts of journeys: one row a version."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.outreach_tables import JourneyChoice, JourneyVersion


async def texts_of(
    session: AsyncSession, choices: Collection[JourneyChoice]
) -> dict[tuple[str, int], str]:
    """By journey and number, the texts that are chosen now."""
    wanted = [one.journey for one in choices if one.version is not None]
    rows = await session.execute(
        select(JourneyVersion.journey, JourneyVersion.number, JourneyVersion.text)
        .join(
            JourneyChoice,
            (JourneyChoice.journey == JourneyVersion.journey)
            & (JourneyChoice.version == JourneyVersion.number),
        )
        .where(JourneyVersion.journey.in_(wanted))
    )
    return {(str(row.journey), int(row.number)): str(row.text) for row in rows}


def version_row(journey: str, number: int) -> Select[JourneyVersion]:
    """Selects one version."""
    return select(JourneyVersion).where(
        JourneyVersion.journey == journey, JourneyVersion.number == number
    )


def last_number(journey: str) -> Select[int | None]:
    """Selects the number of the newest version."""
    return select(func.max(JourneyVersion.number)).where(JourneyVersion.journey == journey)
