"""Sending what is due: each touch looked at once more, then promised on the best road."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock, as_real
from bot.customers.notices import notice_key, tell_guide
from bot.delivery.outbox import drafted
from bot.dialogue.library import Library
from bot.outreach.gate import CARD, TOUCH
from bot.outreach.people import group_owners, guide_names, kf_conversations, names_of, people
from bot.outreach.planning import TURN, ledger_of
from bot.outreach.plans import Plans
from bot.outreach.receipts import LANE
from bot.outreach.task_drafts import TaskDrafts
from bot.outreach.touch_rows import touch_of
from bot.outreach.walks import walks_of
from bot.outreach.wording import NobodyThere, Unsayable, Wordsmith, card_text
from bot.store.database import Database
from bot.store.outreach_tables import OPEN_TOUCH, TouchRow, TouchState
from bot.store.tables import Conversation, Outbound
from scheduler import (
    Audience,
    Content,
    Enrolment,
    Ledger,
    PlanContext,
    Rule,
    Step,
    Touch,
    TouchStatus,
    Way,
    as_now,
    dispatch_refusal,
    step_now,
)
from scheduler import Customer as Person
from scheduler.timing import open_span
from scripts_library import Script

_PAGE = 300
_Place: TypeAlias = tuple[datetime, str]
_WAIT = timedelta(minutes=10)
_TRANSIT = timedelta(seconds=1)
_LATER = frozenset(
    {
        Rule.QUIET_HOURS,
        Rule.TIME_WINDOW,
        Rule.DAY_KIND,
        Rule.SILENT_DAY,
        Rule.GAP,
        Rule.FATIGUE_DAY,
        Rule.FATIGUE_WEEK,
        Rule.MASS_QUOTA,
        Rule.GUIDE_FULL,
    }
)
_DUE = (TouchState.PLANNED, TouchState.MOVED)


@dataclass(frozen=True, slots=True)
class Desk:
    """All that is known for one page of due touches."""

    context: PlanContext
    ledger: Ledger
    walks: Mapping[tuple[str, str], Enrolment]
    people: dict[str, Person]
    conversations: Mapping[str, Conversation]
    names: Mapping[str, str]
    guides: Mapping[str, str]
    scripts: Mapping[str, Script]
    sends: list[tuple[TouchRow, list[Outbound]]] = field(default_factory=list)


class Dispatcher:
    """Promises due touches; everything it does is in one transaction with the touch's state.

    Service messages and cards go through the outbox and the herald, which repeat safely;
    mass sends and moments become tasks, which are read back before any repeat.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        plans: Plans,
        words: Wordsmith,
        library: Library,
        *,
        on_promised: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._plans = plans
        self._words = words
        self._library = library
        self._on_promised = on_promised

    async def tick(self) -> int:
        """Promise, put off or drop all that is due; returns how many touches were looked at."""
        total = 0
        due = await self._audiences()
        if not due:
            return 0
        scripts = {script.id: script for script in await self._library.index()}
        for audience in due:
            rows = await self._page(audience, scripts, after=None)
            total += len(rows)
            while len(rows) == _PAGE:
                rows = await self._page(audience, scripts, after=rows[-1])
                total += len(rows)
        if total:
            self._on_promised()
        return total

    async def _audiences(self) -> list[Audience]:
        """Who has anything due; nothing is written while nobody has."""
        now, everybody = self._clock.now(), sorted(Audience)
        due = [select(TouchRow.id).where(*self._is_due(one, now)).exists() for one in everybody]
        async with self._database.glance() as session:
            found = (await session.execute(select(*due))).one()
        return [one for one, any_due in zip(everybody, found, strict=True) if any_due]

    def _is_due(self, audience: Audience, now: datetime) -> tuple[Any, ...]:
        return (
            OPEN_TOUCH,
            TouchRow.audience == audience,
            TouchRow.look_at <= now,
            TouchRow.status.in_(_DUE),
            TouchRow.journey.in_(list(self._plans.running)),
        )

    async def _page(
        self, audience: Audience, scripts: Mapping[str, Script], *, after: _Place | None
    ) -> list[_Place]:
        now = self._clock.now()
        async with self._database.write() as session:
            await self._database.alone(session, TURN)
            rows = await self._due(session, audience, now, after)
            if not rows:
                return []
            places = [(row.look_at, row.id) for row in rows]
            desk = await self._desk(session, audience, rows, scripts, now)
            drafts = TaskDrafts(self._plans, now)
            for row in rows:
                await self._handle(session, desk, drafts, row)
            await _add_sends(session, desk)
            await drafts.save(session)
        return places

    async def _due(
        self, session: AsyncSession, audience: Audience, now: datetime, after: _Place | None
    ) -> Sequence[TouchRow]:
        """The next page; what was promised keeps its place, so a page begins where one ended."""
        place = tuple_(TouchRow.look_at, TouchRow.id)
        beyond = () if after is None else (place > after,)
        return (
            await session.scalars(
                select(TouchRow)
                .where(*self._is_due(audience, now), *beyond)
                .order_by(TouchRow.look_at, TouchRow.id)
                .limit(_PAGE)
                .with_for_update(skip_locked=True)
                .execution_options(populate_existing=True)
            )
        ).all()

    async def _desk(
        self,
        session: AsyncSession,
        audience: Audience,
        rows: Sequence[TouchRow],
        scripts: Mapping[str, Script],
        now: datetime,
    ) -> Desk:
        subjects = {row.subject for row in rows}
        context = self._plans.context(now, horizon=timedelta(0))
        walks = await walks_of(session, audience, subjects)
        mine = subjects if audience is Audience.CUSTOMER else set()
        known = await (group_owners if audience is Audience.GROUP else people)(session, subjects)
        userids = {guide for person in known.values() for guide in person.guides[:1]}
        return Desk(
            context=context,
            ledger=await ledger_of(session, self._plans, context, audience, subjects),
            walks={(one.subject, one.journey): one for many in walks.values() for one in many},
            people=known,
            conversations=await kf_conversations(session, mine),
            names=await names_of(session, mine),
            guides=await guide_names(session, userids),
            scripts=scripts,
        )

    async def _handle(
        self, session: AsyncSession, desk: Desk, drafts: TaskDrafts, row: TouchRow
    ) -> None:
        walk = desk.walks.get((row.subject, row.journey))
        if walk is None:
            _drop(row, Rule.FINISHED)
            return
        try:
            written = _as_written(desk, row)
            if isinstance(written, Rule):
                _drop(row, written)
                return
            touch, step, content = written
            decision = self._decide(desk, touch, step, walk)
            if isinstance(decision, Rule):
                _refuse(row, step, decision, desk)
                return
            await self._promise(session, desk, drafts, row, step, content, decision)
        except NobodyThere as error:
            _drop(row, Rule.NO_GUIDE)
            row.explanation = str(error)
            return
        except Unsayable as error:
            row.status, row.explanation = TouchState.FAILED, str(error)
            loggers.outreach.warning("a touch cannot be said", touch=row.id, reason=str(error))
            return
        sent = replace(touch, way=decision, status=TouchStatus.SENT, due_at=desk.context.now)
        desk.ledger.restore(sent)

    def _decide(self, desk: Desk, touch: Touch, step: Step, walk: Enrolment) -> Way | Rule:
        """The first road that is open now, else why the preferred one is closed."""
        person = _person(desk, touch)
        first: Rule | None = None
        for way in sorted(step.roads, key=lambda way: way is not touch.way):
            asked = replace(touch, way=way)
            refusal = dispatch_refusal(desk.context, asked, walk, person, desk.ledger)
            if refusal is None:
                return Rule.QUIET_HOURS if self._closes(desk, step) else way
            first = first or refusal
        return first or Rule.NO_GUIDE

    def _closes(self, desk: Desk, step: Step) -> bool:
        """Whether the hours will be over by the time that a message arrives."""
        arrives = desk.context.now + as_real(self._clock, _TRANSIT)
        span = open_span(step, arrives, self._plans.calendar)
        return span is None or span.start > arrives

    async def _promise(
        self,
        session: AsyncSession,
        desk: Desk,
        drafts: TaskDrafts,
        row: TouchRow,
        step: Step,
        content: Content,
        way: Way,
    ) -> None:
        match way:
            case Way.KF:
                self._send(desk, row, content)
            case Way.GUIDE_CARD:
                await self._card(session, desk, row, step, content)
            case Way.MOMENT:
                parts = self._words.parts(content, scripts=desk.scripts)
                await drafts.add_moment(session, row, parts)
            case _:
                sender = _sender(desk, row)
                parts = self._words.parts(
                    content, scripts=desk.scripts, guide=desk.guides.get(sender, "")
                )
                drafts.add_mass_send(row, step, parts, sender=sender)
        row.way = way

    def _send(self, desk: Desk, row: TouchRow, content: Content) -> None:
        parts = self._parts(desk, row, content)
        sends = drafted(
            desk.conversations[row.subject], parts, now=desk.context.now, lane=_lane(row)
        )
        for place, send in enumerate(sends):
            send.msgid = _msgid(row.id, place)
            send.payload = {**send.payload, TOUCH: row.id}
        person = desk.people[row.subject]
        if person.kf is not None:
            window = replace(person.kf, sent=person.kf.sent + len(parts))
            desk.people[row.subject] = replace(person, kf=window)
        row.status = TouchState.SENDING
        row.messages = len(parts)
        desk.sends.append((row, sends))

    async def _card(
        self, session: AsyncSession, desk: Desk, row: TouchRow, step: Step, content: Content
    ) -> None:
        parts = self._parts(desk, row, content)
        guide = _sender(desk, row)
        await tell_guide(
            session,
            guide,
            card_text(desk.names.get(row.subject) or row.subject, step, content, parts),
            kind=CARD,
            about=row.id,
            external_userid=row.subject,
            lane=_lane(row),
            now=desk.context.now,
        )
        row.status = TouchState.SENDING
        row.guides = [guide]
        row.receipt = notice_key(guide, kind=CARD, about=row.id)

    def _parts(self, desk: Desk, row: TouchRow, content: Content) -> list[dict[str, object]]:
        guide = next(iter(_guides(desk, row)), "")
        return self._words.parts(
            content,
            scripts=desk.scripts,
            customer=desk.names.get(row.subject, ""),
            guide=desk.guides.get(guide, ""),
        )


async def _add_sends(session: AsyncSession, desk: Desk) -> None:
    """All at once: a statement for each would take longer than all else together."""
    values = [_values(send) for _, sends in desk.sends for send in sends]
    if not values:
        return
    made = await session.execute(insert(Outbound).returning(Outbound.msgid, Outbound.id), values)
    ids = {str(row.msgid): int(row.id) for row in made}
    for row, sends in desk.sends:
        row.outcome = {**row.outcome, "outbound": [ids[send.msgid] for send in sends]}


def _as_written(desk: Desk, row: TouchRow) -> tuple[Touch, Step, Content] | Rule:
    """What the journey says now, which may have been edited since the touch was planned."""
    journey, planned = desk.context.journey(row.journey), touch_of(row)
    step = step_now(journey, planned)
    if step is None:
        return Rule.STEP_REMOVED
    touch = as_now(journey, step, planned, _person(desk, planned))
    content = step.content_for(touch.content.segment, touch.variant)
    if content is None:
        return Rule.NO_CONTENT
    row.kind, row.segment, row.variant = touch.kind, touch.content.segment, touch.variant
    return touch, step, content


def _person(desk: Desk, touch: Touch) -> Person:
    return desk.people.get(touch.subject) or Person(touch.subject, touch.guides)


def _values(send: Outbound) -> dict[str, Any]:
    """The columns of a row that is not in a session."""
    known = {column.key: getattr(send, column.key) for column in Outbound.__mapper__.column_attrs}
    return {"attempts": 0} | {name: value for name, value in known.items() if value is not None}


def _guides(desk: Desk, row: TouchRow) -> Sequence[str]:
    person = desk.people.get(row.subject)
    return person.guides if person else row.guides


def _sender(desk: Desk, row: TouchRow) -> str:
    guides = _guides(desk, row)
    if not guides:
        raise NobodyThere(Rule.NO_GUIDE.zh)
    return guides[0]


def _lane(row: TouchRow) -> str:
    """A touch that is put off to its hours keeps nobody waiting but its own later parts."""
    return f"{LANE}{row.id}"


def _msgid(touch_id: str, place: int) -> str:
    """The same for the same part of a touch, so that WeCom and our table refuse a second."""
    if place == 0:
        return touch_id
    return hashlib.blake2b(f"{touch_id}/{place}".encode(), digest_size=16).hexdigest()


def _drop(row: TouchRow, rule: Rule) -> None:
    cancelled = rule.ends_journey
    row.status = TouchState.CANCELLED if cancelled else TouchState.SKIPPED
    row.rule, row.explanation = rule, rule.zh


def _refuse(row: TouchRow, step: Step, rule: Rule, desk: Desk) -> None:
    """What time will mend is put off within the step's bound, the rest is dropped."""
    now = desk.context.now
    if rule not in _LATER or now + _WAIT > row.due_at + step.late:
        _drop(row, rule)
        return
    row.status, row.rule, row.look_at = TouchState.MOVED, rule, now + _WAIT
    row.explanation = f"{rule.zh}，稍后再试"
