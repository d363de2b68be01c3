"""Portraits as they are kept: guessed from messages, confirmed or corrected by guides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.portrait import LABELS, MANY, Finding, find_facts, quoted_in
from bot.errors import NotFound, Unprocessable
from bot.store.contact_tables import PortraitFact

_SHOWN_LIKES = 12


class FactState(StrEnum):
    """`rejected` values are not guessed again."""

    GUESSED = "guessed"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


async def remember_findings(
    session: AsyncSession,
    external_userid: str,
    *,
    messages: Sequence[tuple[int, str]],
    entities: Iterable[Mapping[str, Any]],
    now: datetime,
) -> int:
    """Keep what a burst says about its customer; returns how many values were new.

    `messages` are the `(id, text)` of what the customer typed. A value said again grows surer.
    """
    text = "\n".join(said for _, said in messages)
    known = await _known(session, external_userid, hold=True)
    new = 0
    for finding in find_facts(text, entities):
        fact = known.get((finding.field, finding.value))
        if fact is None:
            source = quoted_in(finding.quote, messages)
            session.add(_fact(external_userid, finding, source, now))
            new += 1
        elif fact.state == FactState.GUESSED:
            fact.times += 1
            fact.last_at = now
            fact.confidence = min(0.99, max(fact.confidence, finding.confidence) + 0.05)
    return new


def _fact(who: str, finding: Finding, message_id: int | None, now: datetime) -> PortraitFact:
    return PortraitFact(
        external_userid=who,
        field=finding.field,
        value=finding.value,
        confidence=finding.confidence,
        state=FactState.GUESSED,
        message_id=message_id,
        quote=finding.quote,
        first_at=now,
        last_at=now,
    )


async def _known(
    session: AsyncSession, external_userid: str, *, hold: bool = False
) -> dict[tuple[str, str], PortraitFact]:
    """By field and value; `hold` keeps a guide's word and a guess from crossing."""
    theirs = select(PortraitFact).where(PortraitFact.external_userid == external_userid)
    if hold:
        theirs = theirs.order_by(PortraitFact.id).with_for_update()
    facts = await session.scalars(theirs)
    return {(fact.field, fact.value): fact for fact in facts}


async def portrait(session: AsyncSession, external_userid: str) -> dict[str, list[PortraitFact]]:
    """Field by field, best value first; fields of one value hold just that one."""
    known = (await _known(session, external_userid)).values()
    facts = [fact for fact in known if fact.state != FactState.REJECTED]
    facts.sort(key=_weight, reverse=True)
    found: dict[str, list[PortraitFact]] = {}
    for fact in facts:
        found.setdefault(fact.field, []).append(fact)
    return {
        field: values[:_SHOWN_LIKES] if field in MANY else values[:1]
        for field, values in sorted(found.items())
    }


def _weight(fact: PortraitFact) -> tuple[bool, float, datetime]:
    return fact.state == FactState.CONFIRMED, round(fact.confidence, 2), fact.last_at


async def decide_fact(
    session: AsyncSession,
    external_userid: str,
    field: str,
    value: str,
    *,
    instead_of: str | None = None,
    right: bool = True,
    by: str,
    now: datetime,
) -> PortraitFact:
    """A guide confirms a value, rejects it, or puts it in the place of a wrong one."""
    value = value.strip()[:64]
    if field not in LABELS:
        raise Unprocessable(f"没有画像字段 {field}", fields=list(LABELS))
    if not value:
        raise Unprocessable("画像的值不能为空")
    known = await _known(session, external_userid, hold=True)
    if instead_of is not None:
        wrong = known.get((field, instead_of))
        if wrong is None:
            raise NotFound(f"画像里没有「{LABELS[field]}：{instead_of}」")
        _decide(wrong, FactState.REJECTED, by)
    fact = known.get((field, value))
    if fact is None and not right:
        raise NotFound(f"画像里没有「{LABELS[field]}：{value}」")
    if fact is None:
        fact = PortraitFact(
            external_userid=external_userid, field=field, value=value, first_at=now, confidence=1.0
        )
        session.add(fact)
    if right and field not in MANY:
        for other in known.values():
            if other.field == field and other is not fact:
                _decide(other, FactState.REJECTED, by)
    _decide(fact, FactState.CONFIRMED if right else FactState.REJECTED, by)
    fact.last_at = now
    await session.flush()
    return fact


def _decide(fact: PortraitFact, state: FactState, by: str) -> None:
    fact.state, fact.decided_by = state, by[:64]
    fact.confidence = 1.0 if state is FactState.CONFIRMED else fact.confidence
