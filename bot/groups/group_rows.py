"""Groups as rows: found under a lock, made when first heard of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.group_tables import CustomerGroup, GroupMember, GroupRead, GroupState
from bot.store.upsert import insert_new
from bot.wecom.group_chats import COLLEAGUE, CUSTOMER

_KEPT_VERSIONS = 40


async def ensure_group(session: AsyncSession, chat_id: str, *, now: datetime) -> CustomerGroup:
    """The group's row, locked for this transaction."""
    found = await locked_group(session, chat_id)
    if found is not None:
        return found
    row = {
        "chat_id": chat_id,
        "name": "",
        "owner": "",
        "notice": "",
        "admins": [],
        "status": 0,
        "state": GroupState.ACTIVE,
        "known_since": now,
        "member_version": "",
        "past_versions": [],
        "members": 0,
        "customers": 0,
        "purpose": "",
        "segment": "",
        "rules": "",
        "picked_template": "",
        "picked_by": "",
        "asked_template": "",
        "asked": 0,
    }
    await insert_new(
        session, CustomerGroup, [row], unique=["chat_id"], returning=CustomerGroup.chat_id
    )
    made = await locked_group(session, chat_id)
    if made is None:
        raise AssertionError("a group that was just made is not there")
    return made


async def locked_group(session: AsyncSession, chat_id: str) -> CustomerGroup | None:
    found: CustomerGroup | None = await session.scalar(
        select(CustomerGroup)
        .where(CustomerGroup.chat_id == chat_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found


def outdate(group: CustomerGroup, version: str, *, since: str) -> None:
    """Remember that a version of the members became history when `since` came."""
    if version and version != since:
        kept = [one for one in group.past_versions if one not in (version, since)]
        group.past_versions = [*kept, version][-_KEPT_VERSIONS:]


async def want_reading(session: AsyncSession, chat_id: str, *, due_at: datetime) -> None:
    """Ask for one more reading of a group, at the moment of the earliest wish; others that are
    not ripe by then make another one."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(GroupRead).values(
        chat_id=chat_id, wanted=1, due_at=due_at, ripe_at=due_at, attempts=0
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["chat_id"],
            set_={
                "wanted": GroupRead.wanted + 1,
                "due_at": case((GroupRead.due_at < due_at, GroupRead.due_at), else_=due_at),
                "ripe_at": due_at,
                "attempts": 0,
            },
        )
    )


async def count_members(session: AsyncSession, group: CustomerGroup) -> None:
    """Set the group's figures from its members."""
    rows = await session.execute(
        select(GroupMember.kind, func.count(), func.max(GroupMember.joined_at))
        .where(GroupMember.chat_id == group.chat_id, GroupMember.left_at.is_(None))
        .group_by(GroupMember.kind)
    )
    counted = {kind: (number, latest) for kind, number, latest in rows}
    group.members = sum(number for number, _ in counted.values())
    group.customers, latest = counted.get(CUSTOMER, (0, None))
    if latest is not None and (group.last_join_at is None or latest > group.last_join_at):
        group.last_join_at = latest


async def end_group(
    session: AsyncSession, chat_id: str, state: GroupState, *, at: datetime
) -> bool:
    """Mark a group as over; False when it was already."""
    changed = await session.scalar(
        update(CustomerGroup)
        .where(
            CustomerGroup.chat_id == chat_id,
            CustomerGroup.state.not_in({GroupState.DISMISSED, state}),
        )
        .values(state=state, ended_at=at)
        .returning(CustomerGroup.chat_id)
        .execution_options(synchronize_session=False)
    )
    return changed is not None


def kind_of(userid: str) -> int:
    """WeCom: ids of people from outside begin with `wm` or `wo`; a reading knows for certain."""
    return CUSTOMER if userid.startswith(("wm", "wo")) else COLLEAGUE


def member_row(chat_id: str, userid: str, **values: Any) -> dict[str, Any]:
    """A member with whatever is not given left empty."""
    empty = {
        "kind": kind_of(userid),
        "name": "",
        "nickname": "",
        "unionid": None,
        "scene": 0,
        "invitor": "",
        "channel_state": "",
        "left_at": None,
    }
    return {"chat_id": chat_id, "userid": userid, **(empty | values)}
