"""What tag rules look at, gathered for a few hundred customers at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.follows import JOINED
from bot.customers.portrait_facts import FactState
from bot.customers.tag_rules import HISTORY, Facts
from bot.store.contact_tables import BehaviourEvent, Follow, PortraitFact
from bot.store.tables import Conversation, Customer, Suggestion

_SURE = 0.6


async def facts_of(
    session: AsyncSession,
    ids: Sequence[str],
    *,
    now: datetime,
    labels: Mapping[str, str],
) -> dict[str, Facts]:
    """The facts of each of these customers that exists."""
    customers = await session.execute(
        select(Customer.external_userid, Customer.stage).where(Customer.external_userid.in_(ids))
    )
    stages = {row.external_userid: row.stage for row in customers}
    said, entities = await _said(session, ids, now)
    done = await _done(session, ids, now)
    portrait = await _portrait(session, ids)
    channels, added = await _relations(session, ids)
    heard = await _heard(session, ids)
    return {
        who: Facts(
            now=now,
            stage=stage,
            channels=channels.get(who, ()),
            said=said.get(who, ()),
            done=done.get(who, ()),
            entities=entities.get(who, ()),
            portrait=portrait.get(who, ()),
            added_at=added.get(who),
            last_heard_at=heard.get(who),
            labels=labels,
        )
        for who, stage in stages.items()
    }


async def _said(
    session: AsyncSession, ids: Sequence[str], now: datetime
) -> tuple[dict[str, list[tuple[str, datetime]]], dict[str, set[tuple[str, str]]]]:
    rows = await session.execute(
        select(Suggestion.external_userid, Suggestion.understanding, Suggestion.said_at)
        .where(Suggestion.external_userid.in_(ids), Suggestion.said_at > now - HISTORY)
        .order_by(Suggestion.said_at)
    )
    said: dict[str, list[tuple[str, datetime]]] = {}
    entities: dict[str, set[tuple[str, str]]] = {}
    for who, understanding, at in rows:
        said.setdefault(who, []).extend((intent, at) for intent in _intents(understanding))
        entities.setdefault(who, set()).update(
            (str(one.get("entity")), str(one.get("value")))
            for one in understanding.get("entities") or ()
        )
    return said, entities


def _intents(understanding: Mapping[str, Any]) -> list[str]:
    wants = [str(want.get("intent")) for want in understanding.get("wants") or ()]
    return list(dict.fromkeys([str(understanding.get("intent")), *wants]))


async def _done(
    session: AsyncSession, ids: Sequence[str], now: datetime
) -> dict[str, list[tuple[str, datetime]]]:
    rows = await session.execute(
        select(BehaviourEvent.customer, BehaviourEvent.type, BehaviourEvent.at)
        .where(BehaviourEvent.customer.in_(ids), BehaviourEvent.at > now - HISTORY)
        .order_by(BehaviourEvent.at)
    )
    done: dict[str, list[tuple[str, datetime]]] = {}
    for who, kind, at in rows:
        done.setdefault(str(who), []).append((kind, at))
    return done


async def _portrait(session: AsyncSession, ids: Sequence[str]) -> dict[str, set[tuple[str, str]]]:
    """Confirmed values, and guesses that are sure enough to act on."""
    rows = await session.execute(
        select(PortraitFact.external_userid, PortraitFact.field, PortraitFact.value).where(
            PortraitFact.external_userid.in_(ids),
            PortraitFact.state != FactState.REJECTED,
            PortraitFact.confidence >= _SURE,
        )
    )
    found: dict[str, set[tuple[str, str]]] = {}
    for who, name, value in rows:
        found.setdefault(who, set()).add((name, value))
    return found


async def _relations(
    session: AsyncSession, ids: Sequence[str]
) -> tuple[dict[str, set[str]], dict[str, datetime]]:
    rows = await session.execute(
        select(Follow.external_userid, Follow.channel_state, Follow.since, Follow.state).where(
            Follow.external_userid.in_(ids)
        )
    )
    channels: dict[str, set[str]] = {}
    added: dict[str, datetime] = {}
    for who, channel, since, state in rows:
        if channel:
            channels.setdefault(who, set()).add(channel)
        if since and state in JOINED:
            added[who] = max(added.get(who, since), since)
    return channels, added


async def _heard(session: AsyncSession, ids: Sequence[str]) -> dict[str, datetime]:
    """When they last wrote or last did something elsewhere."""
    latest: dict[str, datetime] = {}
    sources: tuple[tuple[Any, Any], ...] = (
        (Conversation.external_userid, Conversation.last_inbound_at),
        (BehaviourEvent.customer, BehaviourEvent.at),
    )
    for who, moment in sources:
        rows = await session.execute(
            select(who, func.max(moment)).where(who.in_(ids), moment.is_not(None)).group_by(who)
        )
        for person, at in rows:
            latest[person] = max(latest.get(person, at), at)
    return latest
