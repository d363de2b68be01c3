"""What came of touches: the credit for replies and purchases, and how steps and arms fare."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.outreach.posts_missed import posts_missed
from bot.outreach.touches_of_customer import posts_seen
from bot.store.outreach_tables import TouchEcho, TouchRow, TouchState, TouchTally
from bot.store.upsert import insert_new, put
from scheduler import ReadOut, StepKind, read_out

_CREDIT = timedelta(days=3)
REPLIED, BOUGHT = "replied", "bought"
REACHED, LIKED, COMMENTED = "reached", "liked", "commented"
_OPEN = frozenset(
    {
        TouchState.PLANNED,
        TouchState.MOVED,
        TouchState.SENDING,
        TouchState.ASKED,
        TouchState.UNKNOWN,
    }
)
_DROPPED = frozenset({TouchState.SKIPPED, TouchState.CANCELLED})


@dataclass(slots=True)
class Figures:
    """Counts of one step or arm: touches by what became of them, people by what they did."""

    planned: int = 0
    open: int = 0
    sent: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    echoes: Counter[str] = field(default_factory=Counter)
    first_at: datetime | None = None

    def add(self, status: str, rule: str | None, count: int) -> None:
        self.planned += count
        if status in _OPEN:
            self.open += count
        elif status in _DROPPED:
            self.skipped[rule or status] += count
        elif status == TouchState.SENT:
            self.sent += count
        else:
            self.failed += count

    def begun(self, at: datetime) -> None:
        self.first_at = min(self.first_at or at, at)


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step: what was planned, what went out, and what followed within three days.

    `people` is how many it reached: viewers of posts, receivers of anything else. `arms`
    compares variants by replies, `arms_bought` by purchases.
    """

    step: str
    kind: str
    figures: Figures
    variants: Mapping[str, Figures]
    arms: ReadOut | None
    arms_bought: ReadOut | None

    @property
    def sent(self) -> int:
        return self.figures.sent

    @property
    def people(self) -> int:
        return self.echo(REACHED) if self.kind == StepKind.MOMENT else self.sent

    @property
    def replied(self) -> int:
        return self.echo(REPLIED)

    @property
    def bought(self) -> int:
        return self.echo(BOUGHT)

    def echo(self, what: str) -> int:
        return self.figures.echoes[what]


async def credit(session: AsyncSession, who: str, *, what: str, at: datetime) -> None:
    """The message that reached this customer last gets the credit, once and within three days.

    A post gets it where there was no message, so that posts of every day take none from what
    was said to one customer.
    """
    row = await _last_message(session, who, at) or await _last_post(session, who, at)
    if row is None:
        return
    by = blake2b(f"{row.id}\x1f{who}".encode(), digest_size=16).hexdigest()
    await insert_new(
        session,
        TouchEcho,
        [_echo(row, what, by, 1)],
        unique=["touch_id", "what", "by"],
        returning=TouchEcho.touch_id,
    )
    if row.external_userid and what not in row.outcome:
        row.outcome = {**row.outcome, what: at.isoformat()}


async def note_echoes(session: AsyncSession, row: TouchRow, counts: Mapping[str, int]) -> None:
    """What viewers of a post did, as totals that replace those of before."""
    rows = [_echo(row, what, "", count) for what, count in counts.items()]
    await put(session, TouchEcho, rows, unique=["touch_id", "what", "by"], change=["count"])


def _echo(row: TouchRow, what: str, by: str, count: int) -> dict[str, object]:
    return {
        "touch_id": row.id,
        "what": what,
        "by": by,
        "journey": row.journey,
        "step": row.step,
        "variant": row.variant,
        "due_at": row.due_at,
        "count": count,
    }


async def _last_message(session: AsyncSession, who: str, at: datetime) -> TouchRow | None:
    found: TouchRow | None = await session.scalar(
        select(TouchRow)
        .where(
            TouchRow.external_userid == who,
            TouchRow.status == TouchState.SENT,
            TouchRow.sent_at <= at,
            TouchRow.sent_at > at - _CREDIT,
        )
        .order_by(TouchRow.sent_at.desc())
        .limit(1)
    )
    return found


async def _last_post(session: AsyncSession, who: str, at: datetime) -> TouchRow | None:
    found: TouchRow | None = await session.scalar(
        posts_seen(who)
        .where(
            TouchRow.due_at > at - 2 * _CREDIT,
            TouchRow.sent_at <= at,
            TouchRow.sent_at > at - _CREDIT,
            TouchRow.id.not_in(await posts_missed(session, who)),
        )
        .order_by(TouchRow.sent_at.desc())
        .limit(1)
    )
    return found


async def sent_by_journey(session: AsyncSession, since: datetime | None) -> dict[str, int]:
    """How many touches of each journey went out."""
    kept = select(TouchRow.journey, func.count()).where(TouchRow.status == TouchState.SENT)
    gone = select(TouchTally.journey, func.sum(TouchTally.count)).where(
        TouchTally.status == TouchState.SENT
    )
    if since is not None:
        kept = kept.where(TouchRow.due_at >= since)
        gone = gone.where(TouchTally.day >= since)
    found: Counter[str] = Counter()
    for wanted in (kept.group_by(TouchRow.journey), gone.group_by(TouchTally.journey)):
        for journey, count in await session.execute(wanted):
            found[str(journey)] += int(count)
    return dict(found)


async def step_results(
    session: AsyncSession, journey: str, *, since: datetime | None = None
) -> list[StepResult]:
    """The steps of a journey with the figures of touches that were due from `since` on."""
    found: defaultdict[tuple[str, str | None], Figures] = defaultdict(Figures)
    kinds: dict[str, str] = {}
    for counted in (_kept(journey, since), _deleted(journey, since)):
        for step, variant, kind, status, rule, count, first_at in await session.execute(counted):
            kinds[step] = kind
            figures = found[step, variant or None]
            figures.add(status, rule or None, int(count))
            if status == TouchState.SENT:
                figures.begun(first_at)
    what = (TouchEcho.step, TouchEcho.variant, TouchEcho.what)
    echoed = select(*what, func.sum(TouchEcho.count)).group_by(*what)
    echoed = echoed.where(TouchEcho.journey == journey)
    if since is not None:
        echoed = echoed.where(TouchEcho.due_at >= since)
    for step, variant, name, count in await session.execute(echoed):
        found[step, variant].echoes[name] += int(count)
    return [_result(step, kind, found) for step, kind in sorted(kinds.items())]


def _kept(journey: str, since: datetime | None) -> Any:
    key = (TouchRow.step, TouchRow.variant, TouchRow.kind, TouchRow.status, TouchRow.rule)
    counted = select(*key, func.count(), func.min(TouchRow.due_at)).group_by(*key)
    counted = counted.where(TouchRow.journey == journey)
    return counted if since is None else counted.where(TouchRow.due_at >= since)


def _deleted(journey: str, since: datetime | None) -> Any:
    """Touches whose days are over, counted when they were deleted."""
    one = TouchTally
    key = (one.step, one.variant, one.kind, one.status, one.rule)
    counted = select(*key, func.sum(one.count), func.min(one.day)).group_by(*key)
    counted = counted.where(one.journey == journey)
    return counted if since is None else counted.where(one.day >= since)


def _result(step: str, kind: str, found: Mapping[tuple[str, str | None], Figures]) -> StepResult:
    parts = {variant: one for (name, variant), one in found.items() if name == step}
    variants = {name: one for name, one in sorted(parts.items(), key=str) if name is not None}
    several = len(variants) > 1
    return StepResult(
        step=step,
        kind=kind,
        figures=_together(list(parts.values())),
        variants=variants,
        arms=_compared(variants, REPLIED) if several else None,
        arms_bought=_compared(variants, BOUGHT) if several else None,
    )


def _together(parts: list[Figures]) -> Figures:
    whole = Figures()
    for one in parts:
        whole.planned += one.planned
        whole.open += one.open
        whole.sent += one.sent
        whole.failed += one.failed
        whole.skipped += one.skipped
        whole.echoes += one.echoes
        if one.first_at is not None:
            whole.begun(one.first_at)
    return whole


def _compared(variants: Mapping[str, Figures], what: str) -> ReadOut:
    return read_out(
        {name: (one.sent, min(one.echoes[what], one.sent)) for name, one in variants.items()}
    )
