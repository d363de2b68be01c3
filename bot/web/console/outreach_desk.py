"""What the pages about outreach share: their frame, names, and reasons in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.outreach.outreach import Outreach
from bot.outreach.plans import Plans, plans_of
from bot.store.contact_tables import Guide
from bot.store.group_tables import CustomerGroup
from bot.store.outreach_tables import CohortMember, OutreachTask, TaskPhase, TouchRow, TouchState
from bot.store.tables import Customer
from bot.web.console.desk import Desk, desk
from bot.web.console.rule_words import RULES_EN
from bot.web.console.shell import shown
from bot.web.console.wording import Wording
from bot.web.keys import JOURNEYS, OUTREACH, SETTINGS
from scheduler import Audience, Journey, Rule
from scheduler.journey import Segment

ROOT = "/console/outreach"
TABS = ("calendar", "touches", "tasks", "journeys", "results")
TONES = {
    TouchState.SENT: "done",
    TouchState.FAILED: "failed",
    TouchState.UNKNOWN: "failed",
    TouchState.ASKED: "waits",
    TouchState.SKIPPED: "off",
    TouchState.CANCELLED: "off",
}


async def outreach_page(
    request: web.Request, template: str, *, tab: str, **context: Any
) -> web.Response:
    """A page in the frame, with the way to the other pages about outreach."""
    here = desk(request)
    async with here.database.read() as session:
        waiting = await _waiting(session)
    return shown(
        request,
        template,
        at="outreach",
        tabs=TABS,
        tab=tab,
        tab_path=tab_path,
        waiting=waiting,
        outreach_off=request.app[OUTREACH] is None,
        **context,
    )


async def _waiting(session: AsyncSession) -> int:
    """Tasks that somebody must see to: guides, or whoever knows what became of them."""
    rows = await session.execute(
        select(OutreachTask.phase, OutreachTask.guides).where(
            OutreachTask.phase.in_((TaskPhase.ASKED, TaskPhase.UNKNOWN))
        )
    )
    return sum(phase == TaskPhase.UNKNOWN or not all_confirmed(guides) for phase, guides in rows)


def all_confirmed(guides: Mapping[str, Any]) -> bool:
    """Whether every guide of a task has sent; its results are still being read then."""
    return bool(guides) and all(guides.values())


def tab_path(name: str) -> str:
    return ROOT if name == "calendar" else f"{ROOT}/{name}"


async def current_plans(request: web.Request) -> Plans:
    """The plans that run, or those that would if outreach were switched on."""
    outreach: Outreach | None = request.app[OUTREACH]
    if outreach is not None:
        return outreach.plans
    shelf = request.app[JOURNEYS]
    journeys = [one.journey for one in await shelf.all() if one.journey is not None]
    return plans_of(request.app[SETTINGS], journeys, root=shelf.root, overrides=shelf.overrides)


def why(words: Wording, rule: str | None, explanation: str = "") -> str:
    """The reason in the page's language; explanations are written in Chinese."""
    if words.language == "zh" and explanation:
        return explanation
    if not rule:
        return ""
    if words.language == "zh":
        return Rule(rule).zh
    return RULES_EN.get(rule, rule)


def segment_label(journey: Journey | None, name: str, words: Wording) -> str:
    """A segment by its own name; a journey without segments has but everybody."""
    segments: Sequence[Segment] = journey.segments if journey else ()
    found = next((one for one in segments if one.name == name), None)
    if found is None or (len(segments) == 1 and not found.tags):
        return ""
    return found.zh if words.language == "zh" else words.name(found.name, found.zh)


def short_day(day: date) -> str:
    return f"{day.month}-{day.day}"


def day_name(day: date, words: Wording) -> str:
    """The day of the week as calendars head it."""
    return words(f"day.{day.isoweekday()}")


@dataclass(frozen=True, slots=True)
class Names:
    """Names of whom touches are for."""

    customers: Mapping[str, str]
    groups: Mapping[str, str]
    guides: Mapping[str, str]
    cohorts: Mapping[str, int]


async def names_of(session: AsyncSession, touches: Collection[TouchRow]) -> Names:
    """Looked up at once for a page of touches."""
    by_audience: dict[str, set[str]] = {one: set() for one in Audience}
    for touch in touches:
        by_audience[touch.audience].add(touch.subject)
    customers = await session.execute(
        select(Customer.external_userid, Customer.name).where(
            Customer.external_userid.in_(by_audience[Audience.CUSTOMER])
        )
    )
    groups = await session.execute(
        select(CustomerGroup.chat_id, CustomerGroup.name).where(
            CustomerGroup.chat_id.in_(by_audience[Audience.GROUP])
        )
    )
    cohorts = await session.execute(
        select(CohortMember.cohort, func.count(), func.count(CohortMember.left_at))
        .where(CohortMember.cohort.in_(by_audience[Audience.COHORT]))
        .group_by(CohortMember.cohort)
    )
    return Names(
        {str(who): str(name) for who, name in customers},
        {str(chat): str(name) for chat, name in groups},
        await guides_by_id(session),
        {str(cohort): int(ever - left or ever) for cohort, ever, left in cohorts},
    )


async def guides_by_id(session: AsyncSession) -> dict[str, str]:
    rows = await session.execute(select(Guide.userid, Guide.name))
    return {str(userid): str(name or userid) for userid, name in rows}


@dataclass(frozen=True, slots=True)
class TouchLine:
    """One touch as lists show it; `url` leads to whom it is for."""

    id: str
    time: str
    day: str
    kind: str
    journey: str
    journey_name: str
    purpose: str
    whom: str
    about: str
    url: str
    status: str
    tone: str
    why: str
    notes: list[str]
    said: str
    task_id: int | None


def touch_line(
    here: Desk, plans: Plans, names: Names, row: TouchRow, local: datetime
) -> TouchLine:
    """`local` is when it went out or is due, by the shop's wall clock."""
    journey = plans.journeys.get(row.journey)
    step = journey.step(row.step) if journey else None
    whom, about, url = _whom(here, journey, names, row)
    return TouchLine(
        id=row.id,
        time=f"{local:%H:%M}",
        day=short_day(local.date()),
        kind=row.kind,
        journey=row.journey,
        journey_name=journey.name if journey else row.journey,
        purpose=step.purpose if step else row.step,
        whom=whom,
        about=about,
        url=url,
        status=row.status,
        tone=TONES.get(TouchState(row.status), ""),
        why=why(here.words, row.rule, row.explanation),
        notes=_notes(here.words, names, row),
        said=said(journey, row.step, row.segment, row.variant),
        task_id=row.task_id,
    )


def said(journey: Journey | None, step_id: str, segment: str, variant: str | None = None) -> str:
    """What a step says, in one line."""
    step = journey.step(step_id) if journey else None
    content = step.content_for(segment, variant) if step else None
    if content is None and step is not None and step.variants:
        content = step.content_for(segment, step.variants[0].name)
    return content.summary() if content else ""


def _whom(
    here: Desk, journey: Journey | None, names: Names, row: TouchRow
) -> tuple[str, str, str]:
    words = here.words
    segment = segment_label(journey, row.segment, words)
    if row.audience == Audience.COHORT:
        count = words("touch.people", n=names.cohorts.get(row.subject, 0))
        return f"{segment} {cohort_day(row.subject, words)}".strip(), count, ""
    if row.audience == Audience.GROUP:
        url = f"/console/groups/{row.subject}"
        return names.groups.get(row.subject) or words("group.unnamed"), words("touch.group"), url
    if not row.external_userid:
        return words("touch.gone"), segment, ""
    name = names.customers.get(row.external_userid)
    url = f"/console/customers/{row.external_userid}"
    return name or words("who.unknown", id="#" + row.external_userid[-4:]), segment, url


def cohort_day(subject: str, words: Wording) -> str:
    """When the people of a cohort joined."""
    day = subject.rsplit(":", 1)[-1]
    if not day.isdigit():
        return words("touch.standing")
    return words("touch.joined", day=f"{int(day[4:6])}-{int(day[6:8])}")


def _notes(words: Wording, names: Names, row: TouchRow) -> list[str]:
    notes = [words(f"way.{row.way}")] if row.way and row.way != row.kind else []
    notes += [names.guides.get(str(guide), str(guide)) for guide in row.guides[:3]]
    if row.variant:
        notes.append(words("touch.arm", name=row.variant))
    notes += [
        words(f"touch.{what}", n=row.outcome[what])
        for what in ("reached", "liked", "commented")
        if row.outcome.get(what)
    ]
    return notes + [
        words(f"touch.{what}") for what in ("replied", "bought") if what in row.outcome
    ]
