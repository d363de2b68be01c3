"""What one sample customer would get of a journey, written or saved, before anything is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from bot.errors import NotFound, Unprocessable
from bot.outreach.journey_shelf import JourneyRefused, JourneyShelf
from bot.outreach.plans import plans_of
from bot.settings import Settings
from scheduler import Journey, rehearse
from scheduler.preview import Row


@dataclass(frozen=True, slots=True)
class Preview:
    """The days of one customer of `segment`, alone or `together` with other journeys."""

    journey: Journey
    segment: str
    rows: tuple[Row, ...]
    together: bool = False


async def preview(
    shelf: JourneyShelf,
    settings: Settings,
    now: datetime,
    *,
    text: str | None = None,
    journey: str | None = None,
    segment: str | None = None,
    days: int = 7,
    others: bool | Collection[str] = False,
) -> Preview:
    """Of `text` if there is one, else of the saved journey.

    Alone unless `others` asks for all journeys that run, or for some by their ids: who is on
    all of them at once is rare, and what a journey says is read best without the rest.
    Raises `NotFound`, `JourneyRefused` and, for a segment that the journey lacks,
    `Unprocessable`.
    """
    if text is not None:
        one = await shelf.checked(text, journey=journey)
    else:
        one = await _saved(shelf, journey or "")
    names = [each.name for each in one.segments]
    if segment is not None and segment not in names:
        raise Unprocessable(f"旅程 {one.id} 没有客群 {segment}；现有：{'、'.join(names)}")
    plans = plans_of(settings, [one], root=shelf.root, overrides=shelf.overrides)
    shown = await asyncio.to_thread(
        rehearse,
        [one],
        segment=segment or names[0],
        days=days,
        start=now,
        budget=plans.budget,
        calendar=plans.calendar,
        others=await _others(shelf, others),
        kf_opened_at=now,
    )
    return Preview(one, segment or names[0], shown.rows, bool(others))


async def _others(shelf: JourneyShelf, wanted: bool | Collection[str]) -> list[Journey]:
    if not wanted:
        return []
    if wanted is True:
        return [one.journey for one in await shelf.all() if one.runs and one.journey is not None]
    return [await _saved(shelf, name) for name in wanted]


async def _saved(shelf: JourneyShelf, journey: str) -> Journey:
    shelved = await shelf.get(journey)
    if shelved.journey is None:
        raise JourneyRefused(shelved.problems) if shelved.problems else NotFound()
    return shelved.journey
