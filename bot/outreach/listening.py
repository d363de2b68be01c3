"""What customers do begins journeys, is told to those under way, and ends them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock, as_real
from bot.customers.funnel import Funnel
from bot.outreach.cohorts import CohortBook
from bot.outreach.people import people
from bot.outreach.planning import TURN
from bot.outreach.plans import Plans
from bot.outreach.step_results import BOUGHT, REPLIED, credit
from bot.outreach.streams import (
    Behaviours,
    Friends,
    Happening,
    Invitations,
    Messages,
    Refusals,
    Stages,
    Stream,
    Tags,
    Understandings,
    windows_of,
)
from bot.outreach.touch_rows import save_touches
from bot.outreach.walks import save_walks, told, walks_of
from bot.store.channel_tables import Channel, Greeting
from bot.store.contact_tables import Bookmark, TagJob
from bot.store.database import Database
from bot.store.outreach_tables import TouchRow, TouchState
from bot.store.tables import WorkState
from scheduler import (
    Audience,
    Customer,
    Enrolment,
    Journey,
    Occurrence,
    Progress,
    SignalKind,
    enrol,
    left_behind,
    next_due,
)
from scheduler.enrolling import begin

_OLD_NEWS = timedelta(days=3)
"""What happened longer ago begins nothing: its hour has passed."""
_SLACK = timedelta(seconds=30)
_LATE, _LATE_REAL = timedelta(minutes=10), timedelta(seconds=30)
"""No transaction takes so long: what happened earlier was heard with the bookmark."""
_FIRST = "outreach:since"
_PARTING = (SignalKind.OPTED_OUT, SignalKind.UNFRIENDED)
_CREDITS = {SignalKind.REPLIED: REPLIED, SignalKind.BOUGHT: BOUGHT}
_ENDS_TOUCHES = (TouchState.PLANNED, TouchState.MOVED)


class Listener:
    """Follows every stream from its bookmark; each page takes effect once, with the bookmark."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        plans: Plans,
        funnel: Funnel,
        cohorts: CohortBook,
        *,
        on_heard: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._plans = plans
        self._cohorts = cohorts
        self._since = clock.now()
        self._began = False
        self._on_heard = on_heard
        buyers = frozenset(funnel.buyers)
        purchases = {name for move in funnel.moves if move.to in buyers for name in move.events}
        self._streams: tuple[Stream, ...] = (
            Refusals(),
            Stages(buyers),
            Behaviours(purchases),
            Messages(),
            Understandings(),
            Tags(),
            Friends(),
            Invitations(),
        )
        self._windows = windows_of(self._streams)

    async def begin(self) -> None:
        """At the first start ever: what happened before outreach existed begins nothing."""
        now = self._clock.now()
        self._began = True
        async with self._database.write() as session:
            await self._database.alone(session, TURN)
            first = await session.get(Bookmark, _FIRST)
            self._since = min(first.at if first else now, now) - as_real(self._clock, _SLACK)
            if first is not None:
                return
            session.add(Bookmark(name=_FIRST, position="", at=now))
            for stream in self._streams:
                position = await stream.end(session)
                session.add(Bookmark(name=_mark(stream), position=position, at=now))

    async def tick(self) -> int:
        """Hear all that is new; returns how much it was."""
        if not self._began:
            await self.begin()
        total, streams = 0, await self._with_news()
        while streams:
            heard, streams = await self._page(streams)
            total += heard
        if total:
            self._on_heard()
        return total

    async def _with_news(self) -> list[Stream]:
        """Streams with something new; nothing is written while there is none."""
        async with self._database.read() as session:
            marks = await self._marks(session, self._streams)
            at = {one.name: _position(marks, one) for one in self._streams}
            begins = {one.name: one.begin(at[one.name]) for one in self._streams}
            found = iter((await session.execute(self._windows, begins)).one())
            return [
                one
                for one, *window in zip(self._streams, found, found, strict=False)
                if await one.has_news(session, at[one.name], window)
            ]

    async def _page(self, streams: Sequence[Stream]) -> tuple[int, list[Stream]]:
        """How much was new on one page of each, and which of them have another."""
        async with self._database.write() as session:
            await self._database.alone(session, TURN)
            marks = await self._marks(session, streams, hold=True)
            now = self._clock.now()
            late = max(_LATE, as_real(self._clock, _LATE_REAL))
            pages = {
                one: await one.read(
                    session,
                    _position(marks, one),
                    heard=(marks[_mark(one)].at if _mark(one) in marks else now) - late,
                )
                for one in streams
            }
            await self._hear(session, [each for page in pages.values() for each in page.found])
            for stream, page in pages.items():
                mark = marks.get(_mark(stream)) or Bookmark(name=_mark(stream))
                mark.position, mark.at = page.after, now
                session.add(mark)
        for stream, page in pages.items():
            stream.remember(page.new)
        heard = sum(len(page.new) for page in pages.values())
        return heard, [stream for stream, page in pages.items() if page.more]

    async def _marks(
        self, session: AsyncSession, streams: Sequence[Stream], *, hold: bool = False
    ) -> dict[str, Bookmark]:
        """Until where each stream was heard; `hold` locks the rows."""
        wanted = select(Bookmark).where(Bookmark.name.in_([_mark(one) for one in streams]))
        rows = await session.scalars(wanted.with_for_update() if hold else wanted)
        return {row.name: row for row in rows}

    async def _hear(self, session: AsyncSession, found: Sequence[Happening]) -> None:
        if not found:
            return
        ids = {one.who for one in found}
        walks = {
            who: {walk.journey: walk for walk in many}
            for who, many in (await walks_of(session, Audience.CUSTOMER, ids)).items()
        }
        known = await known_people(session, ids)
        changed: dict[tuple[str, str], Enrolment] = {}
        for one in found:
            if (person := known.get(one.who)) is not None:
                current = walks.setdefault(one.who, {})
                after = await self._take(session, one, person, current)
                current.update(after)
                changed |= {(one.who, journey): walk for journey, walk in after.items()}
        await self._save(session, changed.values())

    async def _take(
        self,
        session: AsyncSession,
        one: Happening,
        person: Customer,
        current: Mapping[str, Enrolment],
    ) -> dict[str, Enrolment]:
        for signal in one.signals:
            if (what := _CREDITS.get(signal.kind)) is not None:
                await credit(session, one.who, what=what, at=signal.at)
        changed = self._told(one, current)
        for walk in changed.values():
            if not walk.active:
                await self._leave(session, walk, person)
        if any(signal.kind in _PARTING for signal in one.signals):
            await self._cohorts.leave_all(session, one.who, now=self._clock.now())
        if one.at >= max(self._since, self._clock.now() - _OLD_NEWS) and not person.opted_out:
            now_walks = {**current, **changed}
            for walk in self._begun(one, person, now_walks):
                changed[walk.journey] = walk
            await self._join(session, one, person)
        return changed

    def _told(self, one: Happening, current: Mapping[str, Enrolment]) -> dict[str, Enrolment]:
        changed: dict[str, Enrolment] = {}
        for name, walk in current.items():
            journey = self._plans.journeys.get(name)
            after = walk
            for signal in one.signals:
                if journey is not None:
                    after = told(journey, after, signal) or after
            if after is not walk:
                changed[name] = after
        return changed

    def _begun(
        self, one: Happening, person: Customer, current: Mapping[str, Enrolment]
    ) -> Iterable[Enrolment]:
        begun: dict[str, Enrolment] = {}
        for start in one.starts:
            latest = {**current, **begun}
            for walk in enrol(self._plans.running.values(), start, person, latest):
                begun[walk.journey] = walk
        journey = self._plans.running.get(one.journey or "")
        if journey is not None and journey.id not in current:
            segment = journey.segment_of(person.tags)
            if segment is not None and journey.steps_for(Audience.CUSTOMER):
                begun[journey.id] = begin(journey, one.who, segment, one.at, guides=person.guides)
        return begun.values()

    async def _join(self, session: AsyncSession, one: Happening, person: Customer) -> None:
        for journey in self._plans.running.values():
            if not journey.steps_for(Audience.COHORT):
                continue
            asked = one.journey == journey.id
            if asked or any(_starts(journey, start) for start in one.starts):
                await self._cohorts.join(session, journey, person, now=self._clock.now())

    async def _leave(self, session: AsyncSession, walk: Enrolment, person: Customer) -> None:
        """Nothing planned goes out any more; what guides were asked to send is unwanted."""
        rule, now = walk.ended_by, self._clock.now()
        await save_touches(session, left_behind(self._plans.context(now), walk, person), now)
        mine = (
            TouchRow.audience == walk.audience,
            TouchRow.subject == walk.subject,
            TouchRow.journey == walk.journey,
        )
        await session.execute(
            update(TouchRow)
            .where(*mine, TouchRow.status.in_(_ENDS_TOUCHES))
            .values(
                status=TouchState.CANCELLED,
                rule=rule,
                explanation=rule.zh if rule else "",
            )
            .execution_options(synchronize_session=False)
        )
        await session.execute(
            update(TouchRow)
            .where(*mine, TouchRow.status == TouchState.ASKED)
            .values(unwanted=rule)
            .execution_options(synchronize_session=False)
        )
        await self._cohorts.leave(session, walk.journey, walk.subject, now=now)

    async def _save(self, session: AsyncSession, walks: Iterable[Enrolment]) -> None:
        journeys, calendar = self._plans.journeys, self._plans.calendar
        await save_walks(
            session,
            [Progress(one, next_due(journeys[one.journey], one, calendar)) for one in walks],
        )


def _mark(stream: Stream) -> str:
    return f"outreach:{stream.name}"


def _position(marks: Mapping[str, Bookmark], stream: Stream) -> str:
    mark = marks.get(_mark(stream))
    return mark.position if mark else ""


def _starts(journey: Journey, start: Occurrence) -> bool:
    return any(
        one.kind is start.kind and (not one.values or start.value in one.values)
        for one in journey.triggers
    )


async def known_people(session: AsyncSession, ids: Collection[str]) -> dict[str, Customer]:
    """Those customers who are known; tags that a channel promises them count as borne.

    Even before they are promised: the greeting that does so may come after the news of a friend.
    Read in the order in which a tag travels, from greeting to promise to customer: transactions
    of other replicas end between two statements, and what moves on meanwhile is met once more.
    """
    wanted = sorted(ids)
    coming = (
        select(Greeting.external_userid, Channel.tags)
        .join(Channel, Channel.state == Greeting.channel_state)
        .where(Greeting.external_userid.in_(wanted), Greeting.state == WorkState.READY)
    )
    promised = select(TagJob.external_userid, TagJob.names).where(
        TagJob.external_userid.in_(wanted), TagJob.state == WorkState.READY
    )
    tags: defaultdict[str, set[str]] = defaultdict(set)
    for source in (coming, promised):
        for who, names in await session.execute(source):
            tags[who].update(map(str, names))
    known = await people(session, ids)
    return {who: replace(one, tags=one.tags | tags[who]) for who, one in known.items()}
