"""What came of journeys: each step's figures with intervals, and experiments read out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from aiohttp import web

from bot.outreach.step_results import (
    BOUGHT,
    COMMENTED,
    LIKED,
    REACHED,
    REPLIED,
    StepResult,
    sent_by_journey,
    step_results,
)
from bot.store.outreach_tables import TouchState
from bot.web.console.desk import Desk, desk
from bot.web.console.experiment_words import Bar, bars, verdict
from bot.web.console.outreach_desk import ROOT, current_plans, outreach_page, why
from bot.web.console.wording import Wording
from scheduler import Journey, ReadOut, StepKind, wilson

RESULTS = f"{ROOT}/results"
SPANS = ("30", "90", "all")
_REASONS = 3
_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Share:
    """People who did something, of those reached; `span` is drawn, 100 pixels are the whole."""

    count: int
    rate: str = ""
    span: str = ""
    said: str = ""
    low: float = 0
    width: float = 0
    middle: float = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One step; None stands where a figure makes no sense for its kind."""

    step: str
    purpose: str
    kind: str
    planned: str
    sent: str
    skipped: int
    reasons: str
    notes: list[str]
    reached: int | None
    liked: Share | None
    commented: Share | None
    replied: Share | None
    bought: Share | None


@dataclass(frozen=True, slots=True)
class Experiment:
    """One step's variants side by side."""

    title: str
    bars: list[Bar]
    verdict: str
    ways: list[tuple[str, str, bool]]


async def show_results(request: web.Request) -> web.Response:
    """One journey at a time, the one with most touches first."""
    here, plans = desk(request), await current_plans(request)
    span = request.query.get("days", "")
    span = span if span in SPANS else "90"
    what = BOUGHT if request.query.get("by") == BOUGHT else REPLIED
    since = None if span == "all" else here.now - timedelta(days=int(span))
    async with here.database.read() as session:
        counted = await sent_by_journey(session, since)
        ranked = sorted(counted, key=lambda one: (-counted[one], one))
        asked = request.query.get("journey", "")
        known = asked in plans.journeys or asked in counted
        chosen = asked if known else next(iter(ranked), "")
        found = await step_results(session, chosen, since=since) if chosen else []
    journey = plans.journeys.get(chosen)
    kept = {"journey": chosen, "days": span, "by": what}
    return await outreach_page(
        request,
        "outreach_results.html",
        tab="results",
        chosen=chosen,
        journeys=[
            (_path(kept | {"journey": one}), _name(plans.journeys, one), counted.get(one, 0), one)
            for one in dict.fromkeys([*ranked, *([chosen] if chosen else [])])
        ],
        spans=[(_path(kept | {"days": one}), one, one == span) for one in SPANS],
        name=_name(plans.journeys, chosen),
        rows=[_row(here.words, journey, one) for one in _in_order(journey, found)],
        experiments=[
            _experiment(here, journey, one, read, kept)
            for one in _in_order(journey, found)
            if (read := one.arms_bought if what == BOUGHT else one.arms) is not None
        ],
    )


def _name(journeys: Mapping[str, Journey], journey: str) -> str:
    return journeys[journey].name if journey in journeys else journey


def _path(kept: Mapping[str, str]) -> str:
    usual = {"days": "90", "by": REPLIED}
    query = {name: value for name, value in kept.items() if usual.get(name) != value}
    return f"{RESULTS}?{urlencode(query)}"


def _in_order(journey: Journey | None, found: list[StepResult]) -> list[StepResult]:
    """As the journey goes; steps that it no longer has come last."""
    places = {step.id: place for place, step in enumerate(journey.steps)} if journey else {}
    return sorted(found, key=lambda one: places.get(one.step, len(places)))


def _purpose(journey: Journey | None, step_id: str) -> str:
    step = journey.step(step_id) if journey else None
    return step.purpose if step else step_id


def _row(words: Wording, journey: Journey | None, one: StepResult) -> Row:
    post, group = one.kind == StepKind.MOMENT, one.kind == StepKind.GROUP_POST
    counts, people = one.figures, one.people
    return Row(
        step=one.step,
        purpose=_purpose(journey, one.step),
        kind=one.kind,
        planned=_posts(words, counts.planned, post),
        sent=_posts(words, counts.sent, post),
        skipped=counts.skipped.total(),
        reasons=_reasons(words, one),
        notes=[
            words(f"results.{name}", n=n)
            for name, n in (("open", counts.open), ("failed", counts.failed))
            if n
        ],
        reached=one.echo(REACHED) if post else None,
        liked=_share(words, one.echo(LIKED), people) if post else None,
        commented=_share(words, one.echo(COMMENTED), people) if post else None,
        replied=None if group else _share(words, one.replied, people),
        bought=None if group else _share(words, one.bought, people),
    )


def _posts(words: Wording, count: int, post: bool) -> str:
    return words("results.posts", n=count) if post else str(count)


def _reasons(words: Wording, one: StepResult) -> str:
    """Why touches were left out, the most frequent rules first."""
    said = [
        words("results.why.one", why=_rule(words, rule), n=n)
        for rule, n in one.figures.skipped.most_common(_REASONS)
    ]
    return words("results.why", what=words("comma").join(said)) if said else ""


def _rule(words: Wording, rule: str) -> str:
    """A touch cancelled by hand has its state instead of a rule."""
    return words(f"touch.{rule}") if rule in list(TouchState) else why(words, rule)


def _share(words: Wording, count: int, people: int) -> Share:
    """Wilson's interval says how far the rate can be trusted."""
    if not people:
        return Share(count)
    interval = wilson(min(count, people), people)
    low, high = f"{interval.low:.0%}", f"{interval.high:.0%}"
    return Share(
        count,
        rate=f"{interval.rate:.0%}",
        span=words("results.range", low=low.removesuffix("%"), high=high),
        said=words("results.range.said", low=low, high=high),
        low=round(interval.low * _WIDTH, 1),
        width=round((interval.high - interval.low) * _WIDTH, 1),
        middle=round(interval.rate * _WIDTH, 1),
    )


def _experiment(
    here: Desk,
    journey: Journey | None,
    one: StepResult,
    read: ReadOut,
    kept: Mapping[str, str],
) -> Experiment:
    words, what, now = here.words, kept["by"], here.now
    count, purpose = len(read.arms), _purpose(journey, one.step)
    several = "results.ab.several" if count > 2 else "results.ab"
    return Experiment(
        title=words(several, step=purpose, **({"n": count} if count > 2 else {})),
        bars=bars(words, read, what),
        verdict=verdict(words, read, one.variants, what, now),
        ways=[
            (_path({**kept, "by": way}), words(f"results.by.{way}"), way == what)
            for way in (REPLIED, BOUGHT)
        ],
    )


ROUTES = (web.get(RESULTS, show_results),)
