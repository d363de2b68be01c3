"""What came of journeys: each step's figures, and experiments with their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.outreach.step_results import StepResult, step_results
from bot.store.outreach_tables import TouchRow, TouchState
from bot.web.console.desk import desk
from bot.web.console.outreach_desk import ROOT, current_plans, outreach_page
from bot.web.console.wording import Wording
from scheduler import Journey, ReadOut, StepKind

RESULTS = f"{ROOT}/results"
_WIDTH = 200
_ECHOES = ("reached", "liked", "commented")


@dataclass(frozen=True, slots=True)
class Bar:
    """One arm: its interval on a line from 0 to the highest bound, in pixels."""

    name: str
    of: str
    rate: str
    low: float
    high: float
    middle: float
    best: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """One step; `echoes` are what customers did with a post, None for other kinds."""

    step: str
    purpose: str
    kind: str
    sent: int
    replied: str
    bought: str
    echoes: dict[str, int] | None
    bars: list[Bar]
    verdict: str


async def show_results(request: web.Request) -> web.Response:
    """One journey at a time, the one with most touches first."""
    here, plans = desk(request), await current_plans(request)
    async with here.database.read() as session:
        counted = dict(
            (
                await session.execute(
                    select(TouchRow.journey, func.count())
                    .where(TouchRow.status == TouchState.SENT)
                    .group_by(TouchRow.journey)
                )
            ).all()
        )
        ranked = sorted(counted, key=lambda one: -counted[one])
        asked = request.query.get("journey", "")
        chosen = asked if asked in plans.journeys else next(iter(ranked), "")
        found = await step_results(session, chosen) if chosen else []
        echoes = await _echoes(session, chosen) if chosen else {}
    journey = plans.journeys.get(chosen)
    return await outreach_page(
        request,
        "outreach_results.html",
        tab="results",
        chosen=chosen,
        journeys=[
            (one, plans.journeys[one].name if one in plans.journeys else one, counted.get(one, 0))
            for one in dict.fromkeys([*ranked, *([chosen] if chosen else [])])
        ],
        name=journey.name if journey else chosen,
        figures=_in_order(here.words, journey, found, echoes),
        width=_WIDTH,
    )


async def _echoes(session: AsyncSession, journey: str) -> dict[str, dict[str, int]]:
    rows = await session.execute(
        select(TouchRow.step, TouchRow.outcome).where(
            TouchRow.journey == journey,
            TouchRow.status == TouchState.SENT,
            TouchRow.kind == StepKind.MOMENT,
        )
    )
    found: dict[str, dict[str, int]] = {}
    for step, outcome in rows:
        sums = found.setdefault(step, dict.fromkeys(_ECHOES, 0))
        for what in _ECHOES:
            sums[what] += int(outcome.get(what) or 0)
    return found


def _in_order(
    words: Wording,
    journey: Journey | None,
    found: list[StepResult],
    echoes: dict[str, dict[str, int]],
) -> list[Figures]:
    """As the journey goes; steps that it no longer has come last."""
    places = {step.id: place for place, step in enumerate(journey.steps)} if journey else {}
    ordered = sorted(found, key=lambda one: places.get(one.step, len(places)))
    return [_figures(words, journey, one, echoes.get(one.step)) for one in ordered]


def _figures(
    words: Wording, journey: Journey | None, one: StepResult, echoes: dict[str, int] | None
) -> Figures:
    step = journey.step(one.step) if journey else None
    return Figures(
        step=one.step,
        purpose=step.purpose if step else one.step,
        kind=step.kind if step else "",
        sent=one.sent,
        replied=_share(one.replied, one.sent),
        bought=_share(one.bought, one.sent),
        echoes=echoes,
        bars=_bars(words, one.arms) if one.arms else [],
        verdict=_verdict(words, one.arms) if one.arms else "",
    )


def _share(part: int, whole: int) -> str:
    return f"{part} · {part / whole:.0%}" if part else "0"


def _bars(words: Wording, read: ReadOut) -> list[Bar]:
    top = max((arm.interval.high for arm in read.arms), default=1.0) or 1.0

    def place(rate: float) -> float:
        return round(rate / top * _WIDTH, 1)

    return [
        Bar(
            name=arm.name,
            of=words("results.of", good=arm.successes, sent=arm.sent),
            rate=words(
                "results.rate",
                rate=f"{arm.interval.rate:.0%}",
                low=f"{arm.interval.low:.0%}",
                high=f"{arm.interval.high:.0%}",
            ),
            low=place(arm.interval.low),
            high=place(arm.interval.high),
            middle=place(arm.interval.rate),
            best=arm.name == read.winner,
        )
        for arm in read.arms
    ]


def _verdict(words: Wording, read: ReadOut) -> str:
    if read.winner:
        return words("results.winner", name=read.winner)
    few: Any = len(read.arms) < 2 or any(arm.sent == 0 for arm in read.arms)
    return words("results.few" if few else "results.wait")


ROUTES = (web.get(RESULTS, show_results),)
