"""Customers and groups as the planner wants to know them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.follows import JOINED
from bot.store.contact_tables import Follow, Guide
from bot.store.group_tables import CustomerGroup, GroupState
from bot.store.outreach_tables import CohortMember, CohortTag
from bot.store.tables import Conversation, Customer, Outbound, WorkState
from scheduler import Customer as Person
from scheduler import KfWindow

_CHUNK = 300
_KF = "kf"


async def people(session: AsyncSession, ids: Collection[str]) -> dict[str, Person]:
    """Those customers who are known, with their guides, cohorts and service window."""
    found: dict[str, Person] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), _CHUNK):
        found |= await _some(session, wanted[start : start + _CHUNK])
    return found


async def group_owners(session: AsyncSession, ids: Collection[str]) -> dict[str, Person]:
    """Those customer groups that are known, each with the owner who confirms what is posted.

    A group that broke up has nobody.
    """
    rows = await session.execute(
        select(CustomerGroup.chat_id, CustomerGroup.owner, CustomerGroup.state).where(
            CustomerGroup.chat_id.in_(sorted(ids))
        )
    )
    return {
        chat_id: Person(chat_id, (owner,) if owner and state == GroupState.ACTIVE else ())
        for chat_id, owner, state in rows
    }


async def _some(session: AsyncSession, ids: list[str]) -> dict[str, Person]:
    rows = (
        await session.execute(
            select(
                Customer.external_userid, Customer.stage, Customer.tags, Customer.opted_out_at
            ).where(Customer.external_userid.in_(ids))
        )
    ).all()
    guides = await _guides(session, ids)
    cohorts = await _cohorts(session, ids)
    windows = await _windows(session, ids)
    return {
        row.external_userid: Person(
            external_userid=row.external_userid,
            guides=tuple(guides[row.external_userid]),
            cohorts=tuple(cohorts[row.external_userid]),
            stage=row.stage,
            tags=frozenset(map(str, row.tags)),
            kf=windows.get(row.external_userid),
            opted_out=row.opted_out_at is not None,
        )
        for row in rows
    }


async def _guides(session: AsyncSession, ids: list[str]) -> defaultdict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    rows = await session.execute(
        select(Follow.external_userid, Follow.userid)
        .where(
            Follow.external_userid.in_(ids),
            Follow.state.in_(JOINED),
            ~has_left(Follow.userid),
        )
        .order_by(Follow.since, Follow.userid)
    )
    for who, userid in rows:
        found[who].append(userid)
    return found


def has_left(userid: Any) -> ColumnElement[bool]:
    """Whether the corp has taken customers away from a guide, who can confirm nothing more."""
    return exists().where(Guide.userid == userid, Guide.left_at.is_not(None))


async def _cohorts(session: AsyncSession, ids: list[str]) -> defaultdict[str, list[str]]:
    """Those whose posts they see, and those retired under them: what was seen still counts."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    rows = await session.execute(
        select(CohortMember.external_userid, CohortMember.cohort)
        .outerjoin(CohortTag, CohortTag.cohort == CohortMember.cohort)
        .where(
            CohortMember.external_userid.in_(ids),
            or_(CohortMember.left_at.is_(None), CohortMember.left_at == CohortTag.retired_at),
        )
    )
    for who, cohort in rows:
        found[who].append(cohort)
    return found


async def kf_conversations(session: AsyncSession, ids: Collection[str]) -> dict[str, Conversation]:
    """The service conversation in which each customer wrote last, unless a person has it."""
    rows = await session.scalars(
        select(Conversation)
        .where(
            Conversation.kind == _KF,
            Conversation.external_userid.in_(list(ids)),
            Conversation.last_inbound_at.is_not(None),
        )
        .order_by(Conversation.last_inbound_at)
    )
    latest = {row.external_userid: row for row in rows}
    return {who: row for who, row in latest.items() if row.held_since is None}


async def _windows(session: AsyncSession, ids: list[str]) -> dict[str, KfWindow]:
    conversations = await kf_conversations(session, ids)
    if not conversations:
        return {}
    counted = await session.execute(
        select(Outbound.conversation_id, func.count())
        .join(Conversation, Conversation.id == Outbound.conversation_id)
        .where(
            Outbound.conversation_id.in_([row.id for row in conversations.values()]),
            or_(
                Outbound.sent_at >= Conversation.last_inbound_at,
                Outbound.state == WorkState.READY,
            ),
        )
        .group_by(Outbound.conversation_id)
    )
    sent = {conversation: int(count) for conversation, count in counted}
    return {
        who: KfWindow(row.last_inbound_at, sent.get(row.id, 0))
        for who, row in conversations.items()
        if row.last_inbound_at is not None
    }


async def names_of(session: AsyncSession, ids: set[str]) -> dict[str, str]:
    """What customers call themselves, as far as it is known."""
    rows = await session.execute(
        select(Customer.external_userid, Customer.name).where(
            Customer.external_userid.in_(sorted(ids)), Customer.name != ""
        )
    )
    return {str(one): str(name) for one, name in rows}


async def guide_names(session: AsyncSession, userids: set[str]) -> dict[str, str]:
    """Names of guides by userid, as far as they are known."""
    rows = await session.execute(
        select(Guide.userid, Guide.name).where(Guide.userid.in_(sorted(userids)), Guide.name != "")
    )
    return {str(one): str(name) for one, name in rows}
