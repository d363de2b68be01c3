"""What a rehearsal did, counted from the platform's side: too much, twice, or not at all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, select

from bot.commands.simulated_people import Person
from bot.commands.simulated_shop import SimulatedShop
from bot.sandbox import mass_sends, moments
from bot.store.outreach_tables import TouchRow, TouchState
from scheduler import Audience, StepKind, Way

_GRACE = timedelta(hours=1)
_LIGHTEST = {
    Way.KF: StepKind.NUDGE,
    Way.MASS_SEND: StepKind.NUDGE,
    Way.MOMENT: StepKind.MOMENT,
}
"""What each way weighs at least; a nudge may go out as a mass send."""


@dataclass(frozen=True, slots=True)
class Contact:
    """One thing that reached one customer; it counts on the day on which it was asked for."""

    at: datetime
    asked_at: datetime
    way: Way
    text: str


@dataclass(frozen=True, slots=True)
class Truth:
    """The sums of a rehearsal; the last three must be 0."""

    planned: int
    sent: int
    skipped: dict[str, int]
    violations: int
    doubled: int
    lost: int
    details: tuple[str, ...]


async def truth_of(shop: SimulatedShop) -> Truth:
    """Count; `details` names what should not have been."""
    contacts = {
        person.who: sorted(_contacts(shop, person), key=lambda one: one.at)
        for person in shop.crowd.people
    }
    faults = [f"平台因额度拒绝调用 {shop.refusals} 次"] * bool(shop.refusals)
    for person in shop.crowd.people:
        faults += _violations(shop, person, contacts[person.who])
    faults += _task_rate(shop)
    twice = [said for person in shop.crowd.people for said in _doubled(contacts[person.who])]
    missing = await _lost(shop, contacts)
    planned, sent, skipped = await _figures(shop)
    return Truth(
        planned,
        sent,
        skipped,
        len(faults),
        len(twice),
        len(missing),
        (*faults, *twice, *missing),
    )


async def _figures(shop: SimulatedShop) -> tuple[int, int, dict[str, int]]:
    async with shop.database.read() as session:
        rows = (
            await session.execute(
                select(TouchRow.status, TouchRow.rule, func.count()).group_by(
                    TouchRow.status, TouchRow.rule
                )
            )
        ).all()
    dropped = (TouchState.SKIPPED, TouchState.CANCELLED)
    skipped: Counter[str] = Counter()
    for status, rule, count in rows:
        if status in dropped:
            skipped[str(rule or status)] += count
    planned = sum(count for status, _, count in rows if status != TouchState.SKIPPED)
    sent = sum(count for status, _, count in rows if status == TouchState.SENT)
    return planned, sent, dict(sorted(skipped.items()))


def _contacts(shop: SimulatedShop, person: Person) -> Iterator[Contact]:
    for message in shop.platform.sent_messages(person.who):
        yield Contact(_moment(message.at), _moment(message.at), Way.KF, message.text)
    for one in mass_sends.received(shop.platform, person.who):
        yield Contact(_moment(one["at"]), _moment(one["asked_at"]), Way.MASS_SEND, one["text"])
    for one in moments.feed(shop.platform, person.who):
        yield Contact(_moment(one["at"]), _moment(one["at"]), Way.MOMENT, one["text"])


def _violations(shop: SimulatedShop, person: Person, contacts: list[Contact]) -> Iterator[str]:
    budget, calendar = shop.outreach.plans.budget, shop.outreach.plans.calendar
    days: Counter[date] = Counter()
    posts: Counter[date] = Counter()
    for one in contacts:
        day = calendar.local_day(one.asked_at)
        days[day] += budget.fatigue.weight(_LIGHTEST[one.way])
        posts[day] += one.way is Way.MOMENT
        span = calendar.next_span(one.at)
        if one.way is Way.KF and (span is None or span.start > one.at):
            yield f"{person.who} 在免打扰时段收到消息：{one.at.isoformat()}"
        if person.opted_out_at and one.at > person.opted_out_at + _GRACE:
            yield f"{person.who} 退订之后收到：{one.text[:20]}"
        if person.left_at and one.at > person.left_at + _GRACE:
            yield f"{person.who} 删除导购之后收到：{one.text[:20]}"
    for day, count in days.items():
        if count > budget.fatigue.per_day:
            yield f"{person.who} 在 {day} 被触达，疲劳度 {count}"
    for day, count in posts.items():
        if count > budget.moments_per_day:
            yield f"{person.who} 在 {day} 看到 {count} 条朋友圈"
    yield from _over_the_rule(shop, person)


def _over_the_rule(shop: SimulatedShop, person: Person) -> Iterator[str]:
    refused = shop.platform.store.value(
        "SELECT COUNT(*) FROM mass_targets WHERE target = ? AND status = ?",
        person.who,
        mass_sends.LIMIT,
    )
    if refused:
        yield f"{person.who} 的群发超过企业的接收规则 {refused} 次"


def _task_rate(shop: SimulatedShop) -> Iterator[str]:
    made = [
        row["created_at"]
        for row in shop.platform.store.all("SELECT created_at FROM moments ORDER BY created_at")
    ]
    most = shop.outreach.plans.budget.moment_tasks_per_minute
    for first, last in zip(made, made[most:], strict=False):
        if last - first < 60:
            yield f"一分钟内建了多于 {most} 个朋友圈任务"


def _doubled(contacts: list[Contact]) -> Iterator[str]:
    """The same words twice within two days are one touch that went out twice."""
    seen: defaultdict[tuple[Way, str], list[datetime]] = defaultdict(list)
    for one in contacts:
        key = (one.way, one.text)
        near = timedelta(days=365) if one.way is Way.MOMENT else timedelta(days=2)
        if seen[key] and one.at - seen[key][-1] < near:
            yield f"重复：{one.way.value} {one.text[:20]}"
        seen[key].append(one.at)


async def _lost(shop: SimulatedShop, contacts: dict[str, list[Contact]]) -> list[str]:
    """Promises that nobody kept: still open long after their time, or sent but not there."""
    now = shop.clock.now()
    async with shop.database.read() as session:
        rows = (await session.scalars(select(TouchRow))).all()
    lost = []
    for row in rows:
        stuck = row.look_at < now - _GRACE and row.status in (
            TouchState.PLANNED,
            TouchState.MOVED,
            TouchState.SENDING,
        )
        if stuck or row.status == TouchState.UNKNOWN:
            lost.append(f"触达 {row.id} 没有下文（{row.status}）")
        elif row.status == TouchState.SENT and not _arrived(row, contacts):
            lost.append(f"触达 {row.id} 记为已发，客户却没有收到")
    return lost


def _arrived(row: TouchRow, contacts: dict[str, list[Contact]]) -> bool:
    if row.audience != Audience.CUSTOMER or row.way == Way.GUIDE_CARD or row.sent_at is None:
        return True
    return any(
        one.way == row.way and abs(one.at - row.sent_at) < _GRACE
        for one in contacts.get(row.subject, ())
    )


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
