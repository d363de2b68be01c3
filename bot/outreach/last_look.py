"""A last look at a task right before WeCom is asked: whose it still is, and whether it is time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.follows import JOINED
from bot.outreach.plans import Plans
from bot.store.contact_tables import Follow
from bot.store.outreach_tables import OutreachTask, TaskKind, TouchRow, TouchState
from bot.store.tables import Customer
from scheduler import Rule
from scheduler.timing import open_span

_CHUNK = 300
_REST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class LastLook:
    """`targets` are left of the task's audience; `wait_until` puts the whole task off."""

    targets: tuple[str, ...]
    wait_until: datetime | None = None
    nobody: Rule | None = None


async def last_look(
    session: AsyncSession, plans: Plans, task: OutreachTask, now: datetime, *, soon: datetime
) -> LastLook:
    """Takes out of the task whoever has left since, in the caller's transaction.

    The hours must allow it at `now` and still at `soon`, when the call may really arrive.
    """
    rows = (
        await session.scalars(
            select(TouchRow)
            .where(TouchRow.task_id == task.id, TouchRow.status == TouchState.ASKED)
            .order_by(TouchRow.id)
            .execution_options(populate_existing=True)
        )
    ).all()
    if not rows:
        return LastLook((), nobody=Rule.FINISHED)
    until = resting_until(plans, rows[0], now) or closed_until(plans, rows[0], now, soon)
    if until is not None:
        return LastLook(tuple(row.subject for row in rows), wait_until=until)
    left: dict[str, Rule] = {
        row.subject: Rule(row.unwanted) for row in rows if row.unwanted is not None
    }
    if task.kind == TaskKind.MASS_SEND:
        left |= await _gone(session, [row.subject for row in rows], task.sender)
    for row in rows:
        if (rule := left.get(row.subject)) is not None:
            row.status, row.rule, row.explanation = TouchState.CANCELLED, rule, rule.zh
    targets = tuple(row.subject for row in rows if row.subject not in left)
    if targets:
        return LastLook(targets)
    return LastLook((), nobody=next(iter(left.values())))


def resting_until(plans: Plans, row: TouchRow, now: datetime) -> datetime | None:
    """When to look again at a journey that was switched off or taken away; None while it runs."""
    return None if row.journey in plans.running else now + _REST


def closed_until(plans: Plans, row: TouchRow, now: datetime, soon: datetime) -> datetime | None:
    """When the step's hours begin again; None while they are open."""
    journey = plans.journeys.get(row.journey)
    step = journey.step(row.step) if journey else None
    if step is None:
        return None
    for moment in (now, soon):
        span = open_span(step, moment, plans.calendar)
        if span is not None and span.start > moment:
            return span.start
    return None


async def _gone(session: AsyncSession, ids: Sequence[str], sender: str) -> dict[str, Rule]:
    """Who opted out, was erased, or is not this guide's friend any more."""
    friends: set[str] = set()
    silent: set[str] = set()
    for start in range(0, len(ids), _CHUNK):
        some = ids[start : start + _CHUNK]
        friends |= set(
            await session.scalars(
                select(Follow.external_userid).where(
                    Follow.external_userid.in_(some),
                    Follow.userid == sender,
                    Follow.state.in_(JOINED),
                )
            )
        )
        silent |= set(
            await session.scalars(
                select(Customer.external_userid).where(
                    Customer.external_userid.in_(some), Customer.opted_out_at.is_not(None)
                )
            )
        )
    return {who: Rule.UNFRIENDED for who in ids if who not in friends} | dict.fromkeys(
        silent, Rule.OPTED_OUT
    )
