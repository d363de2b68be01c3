"""Segments: customers described by conditions joined with and, or and not; answered by SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import (
    ColumnElement,
    and_,
    delete,
    exists,
    func,
    not_,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.directory import Wanted, matching
from bot.customers.greeting_content import GreetingContent
from bot.customers.written import Written
from bot.errors import NotFound, Unprocessable
from bot.store.segment_tables import CustomerSegment
from bot.store.tables import Conversation, Customer

MOST_GROUPS, MOST_CONDITIONS, LONGEST_NAME = 8, 12, 40
MOST_DEPTH = 4
_MOST_DAYS = 3650


class About(StrEnum):
    """What a condition looks at; `quiet` counts days without a word of the customer."""

    STAGE = "stage"
    TAG = "tag"
    CHANNEL = "channel"
    OPTED_OUT = "opted_out"
    QUIET = "quiet"


class Condition(BaseModel):
    """One thing that must hold, or with `negate` must not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: About = About.STAGE
    value: str = Field("", max_length=64)
    negate: bool = False

    @property
    def complete(self) -> bool:
        if self.about is About.OPTED_OUT:
            return True
        if self.about is About.QUIET:
            digits = self.value.isascii() and self.value.isdigit() and len(self.value) <= 4
            return digits and 1 <= int(self.value) <= _MOST_DAYS
        return bool(self.value)


class Group(BaseModel):
    """Conditions and further groups of which all (`every`) or one must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: bool = True
    negate: bool = False
    conditions: list[Condition] = Field(default_factory=list, max_length=MOST_CONDITIONS)
    groups: list[Group] = Field(default_factory=list, max_length=MOST_GROUPS)

    @property
    def depth(self) -> int:
        """How many groups stand inside each other here, this one counted."""
        return 1 + max((one.depth for one in self.groups), default=0)

    @property
    def empty(self) -> bool:
        return not (self.conditions or self.groups)

    def completed(self) -> Group:
        """Without the conditions that nobody has filled in yet."""
        return self.model_copy(
            update={
                "conditions": [one for one in self.conditions if one.complete],
                "groups": _completed(self.groups),
            }
        )


class Rule(Written):
    """Groups of which all (`every`) or one must hold; groups may hold groups."""

    model_config = ConfigDict(frozen=True)

    every: bool = True
    groups: list[Group] = Field(default_factory=list, max_length=MOST_GROUPS)

    @model_validator(mode="after")
    def _shallow(self) -> Rule:
        if max((one.depth for one in self.groups), default=0) > MOST_DEPTH:
            raise ValueError(f"条件组最多套 {MOST_DEPTH} 层，请把里层的条件提出来")
        return self

    def completed(self) -> Rule:
        """Without the conditions that nobody has filled in yet."""
        return self.model_copy(update={"groups": _completed(self.groups)})


def _completed(groups: Sequence[Group]) -> list[Group]:
    return [kept for kept in (group.completed() for group in groups) if not kept.empty]


def holds(rule: Rule, *, now: datetime) -> ColumnElement[bool]:
    """The rule as a condition on `Customer`; one without conditions holds for everybody."""
    groups = [_group(group, now) for group in rule.completed().groups]
    return _joined(groups, every=rule.every) if groups else true()


def _group(group: Group, now: datetime) -> ColumnElement[bool]:
    parts = [_condition(one, now) for one in group.conditions]
    joined = _joined([*parts, *(_group(one, now) for one in group.groups)], every=group.every)
    return not_(joined) if group.negate else joined


def _joined(parts: Sequence[ColumnElement[bool]], *, every: bool) -> ColumnElement[bool]:
    return and_(*parts) if every else or_(*parts)


def _condition(one: Condition, now: datetime) -> ColumnElement[bool]:
    found = _plain(one, now)
    return not_(found) if one.negate else found


def _plain(one: Condition, now: datetime) -> ColumnElement[bool]:
    if one.about is About.STAGE:
        return Customer.stage == one.value
    if one.about is About.OPTED_OUT:
        return Customer.opted_out_at.is_not(None)
    if one.about is About.QUIET:
        spoke = exists().where(
            Conversation.external_userid == Customer.external_userid,
            Conversation.last_inbound_at >= now - timedelta(days=int(one.value)),
        )
        return not_(spoke)
    wanted = Wanted(tag=one.value) if one.about is About.TAG else Wanted(channel=one.value)
    return Customer.external_userid.in_(
        matching(wanted).with_only_columns(Customer.external_userid)
    )


async def saved_segments(session: AsyncSession) -> Sequence[CustomerSegment]:
    """All segments by name."""
    return (await session.scalars(select(CustomerSegment).order_by(CustomerSegment.name))).all()


async def saved_rule(session: AsyncSession, segment_id: int) -> tuple[str, Rule]:
    """The name and the rule of one segment; raises `NotFound`."""
    row = await session.get(CustomerSegment, segment_id)
    if row is None:
        raise NotFound("这个分群已被删除，请从列表里另选一个")
    return row.name, Rule.model_validate(row.rule)


async def save_segment(
    session: AsyncSession, name: str, rule: Rule, *, by: str, now: datetime
) -> int:
    """Keep a rule under a name, in the place of what had that name; gives its id."""
    name, kept = name.strip(), rule.completed()
    if not name or len(name) > LONGEST_NAME or "\x00" in name:
        raise Unprocessable(f"请给分群起个名字，最长 {LONGEST_NAME} 个字")
    if not kept.groups:
        raise Unprocessable("还没有填好的条件，请先选条件再保存")
    row = await session.scalar(select(CustomerSegment).where(CustomerSegment.name == name))
    if row is None:
        row = CustomerSegment(name=name, created_at=now)
        session.add(row)
    row.rule, row.made_by, row.updated_at = kept.model_dump(mode="json"), by[:64], now
    await session.flush()
    return row.id


async def greet_segment(
    session: AsyncSession,
    segment_id: int,
    greeting: GreetingContent | None,
    *,
    place: int | None = None,
    by: str,
    now: datetime,
) -> CustomerSegment:
    """Greet new friends of a segment in words of its own; None greets them as others again.

    A friend of several such segments hears the one with the lowest `place`; without one given
    the segment keeps its own, or comes last. Raises `NotFound`.
    """
    row = await session.get(CustomerSegment, segment_id)
    if row is None:
        raise NotFound("这个分群已被删除，请从列表里另选一个")
    if greeting is None:
        await session.execute(
            update(CustomerSegment)
            .where(CustomerSegment.id == segment_id)
            .values(greeting=null(), greeting_place=None, made_by=by[:64], updated_at=now)
        )
    else:
        if not (greeting.text or greeting.attachments):
            raise Unprocessable("分群的欢迎语还是空的，请写上要说的话")
        last = await session.scalar(select(func.max(CustomerSegment.greeting_place)))
        if place is None:
            place = row.greeting_place
        row.greeting = greeting.model_dump(mode="json")
        row.greeting_place = (last or 0) + 1 if place is None else place
        row.made_by, row.updated_at = by[:64], now
    await session.flush()
    await session.refresh(row)
    return row


async def greeting_segments(session: AsyncSession) -> Sequence[CustomerSegment]:
    """The segments that have a greeting, in the order in which they are tried."""
    rows = await session.scalars(
        select(CustomerSegment)
        .where(CustomerSegment.greeting_place.is_not(None))
        .order_by(CustomerSegment.greeting_place, CustomerSegment.id)
    )
    return rows.all()


async def delete_segment(session: AsyncSession, segment_id: int) -> None:
    await session.execute(delete(CustomerSegment).where(CustomerSegment.id == segment_id))
