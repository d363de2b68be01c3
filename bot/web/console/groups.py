"""Customer groups: the list with what needs care, and one group."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.groups.figures import duplicates, growth, is_silent
from bot.groups.listing import GroupFilter, list_groups, list_members, list_moves, show_group
from bot.groups.profiles import ProfilePatch
from bot.store.group_tables import CustomerGroup, GroupMove, GroupState
from bot.web.api.groups import _chat_id as path_group
from bot.web.console.bars import Bars, bars
from bot.web.console.desk import Desk, desk
from bot.web.console.keys import SIGNED
from bot.web.console.plain_fields import split_words
from bot.web.console.shell import checked, form_of, guide_names, shown, went
from bot.web.keys import GROUPS as ROOM
from bot.web.keys import SETTINGS

GROUPS = "/console/groups"
_PAGE, _MEMBERS, _MOVES, _DUPLICATES = 50, 60, 60, 12
_WEEK, _MONTH = 7, 30


async def show_groups(request: web.Request) -> web.Response:
    """All groups with owner, purpose, growth, greeting and silence."""
    here, room = desk(request), request.app[ROOM]
    kept = {name: request.query.get(name, "").strip().replace("\x00", "")[:64]
            for name in ("name", "segment", "owner", "silent")}  # fmt: skip
    silent_days = request.app[SETTINGS].groups.silent_days
    silent_since = here.now - timedelta(days=silent_days)
    wanted = GroupFilter(
        segment=kept["segment"] or None,
        owner=kept["owner"] or None,
        name=kept["name"] or None,
        silent_since=silent_since if kept["silent"] else None,
    )
    after = request.query.get("after", "").replace("\x00", "")[:64]
    async with here.database.read() as session:
        found = await list_groups(session, wanted, after=after, limit=_PAGE + 1)
        rows = found[:_PAGE]
        ids = [row.group.chat_id for row in rows]
        known = {
            "silent": await _silent(session, ids, silent_since),
            "week": await _week(session, here, ids),
            "month": await _growth(session, here, segment=kept["segment"] or None),
            "twice": await duplicates(session, at_least=3, limit=_DUPLICATES),
            **await _whole(session),
        }
    more = rows[-1].group.chat_id if len(found) > _PAGE else None
    given = {name: value for name, value in kept.items() if value}
    return shown(
        request,
        "groups.html",
        at="groups",
        rows=rows,
        kept=kept,
        filtered=bool(given),
        names=await guide_names(here.database),
        segments={name: room.segments.label(name) for name in room.segments.names},
        silent_days=silent_days,
        following=f"{GROUPS}?{urlencode(given | {'after': more})}" if more else "",
        quote=lambda text: quote(text, safe=""),
        **known,
    )


async def _silent(session: AsyncSession, ids: list[str], since: datetime) -> set[str]:
    """Those of these groups in which nobody has said a word since then."""
    rows = await session.scalars(
        select(CustomerGroup.chat_id).where(CustomerGroup.chat_id.in_(ids), is_silent(since))
    )
    return set(rows)


async def _whole(session: AsyncSession) -> dict[str, Any]:
    """Who owns groups, and how many groups and customers in them there are."""
    active = CustomerGroup.state == GroupState.ACTIVE
    owners = await session.scalars(
        select(CustomerGroup.owner).where(active).distinct().order_by(CustomerGroup.owner)
    )
    total = await session.execute(
        select(func.count(), func.coalesce(func.sum(CustomerGroup.customers), 0)).where(active)
    )
    return {"owners": list(owners), "total": total.one()}


async def show_one(request: web.Request) -> web.Response:
    """One group: profile, members, comings and goings."""
    here, room, chat_id = desk(request), request.app[ROOM], path_group(request)
    after = request.query.get("after", "").replace("\x00", "")[:64]
    gone = request.query.get("left") == "1"
    async with here.database.read() as session:
        row = await show_group(session, chat_id)
        members = await list_members(session, chat_id, gone=gone, after=after, limit=_MEMBERS + 1)
        moves = await list_moves(session, chat_id, limit=_MOVES)
        month = await _growth(session, here, chat_id=chat_id)
    more = members[_MEMBERS - 1].userid if len(members) > _MEMBERS else ""
    names = await guide_names(here.database)
    known = names | {one.userid: one.name for one in members if one.name}
    return shown(
        request,
        "group.html",
        at="groups",
        row=row,
        group=row.group,
        members=members[:_MEMBERS],
        moves=moves,
        month=month,
        gone=gone,
        names=known,
        segments={name: room.segments.label(name) for name in room.segments.names},
        path=_path(chat_id),
        following=f"{_path(chat_id)}?{urlencode({'left': int(gone), 'after': more})}"
        if more
        else "",
        quote=lambda text: quote(text, safe=""),
    )


async def change(request: web.Request) -> web.Response:
    """Write down what the group is for."""
    chat_id, form = path_group(request), await form_of(request)
    words = desk(request).words
    patch = checked(
        ProfilePatch,
        {
            "purpose": form.get("purpose", ""),
            "segment": form.get("segment", ""),
            "rules": form.get("rules", ""),
            "tags": split_words(form.get("tags", "")),
        },
        {name: words(f"group.{name}") for name in ("purpose", "segment", "rules", "tags")},
    )
    await request.app[ROOM].profiles.change(chat_id, patch)
    return went(request, _path(chat_id), "saved")


async def picked(request: web.Request) -> web.Response:
    """The owner has chosen the greeting on the phone."""
    chat_id = path_group(request)
    await request.app[ROOM].tasks.picked(chat_id, by=request[SIGNED].user)
    return went(request, _path(chat_id), "picked")


async def _week(session: Any, here: Desk, ids: list[str]) -> dict[str, tuple[int, int]]:
    first = here.now.astimezone(here.zone).date() - timedelta(days=_WEEK - 1)
    rows = await session.execute(
        select(GroupMove.chat_id, GroupMove.kind, func.count())
        .where(
            GroupMove.chat_id.in_(ids),
            GroupMove.day >= first.isoformat(),
            GroupMove.of_customer,
        )
        .group_by(GroupMove.chat_id, GroupMove.kind)
    )
    found = {(chat_id, kind): number for chat_id, kind, number in rows}
    return {one: (found.get((one, "joined"), 0), found.get((one, "left"), 0)) for one in ids}


async def _growth(session: Any, here: Desk, **which: str | None) -> tuple[Bars, int, int]:
    days = await growth(session, now=here.now, zone=here.zone, days=_MONTH, **which)
    drawn = bars(
        [(f"{one.day:%m-%d} +{one.joined} -{one.left}", one.joined, one.left) for one in days],
        height=72,
    )
    return drawn, sum(one.joined for one in days), sum(one.left for one in days)


def _path(chat_id: str) -> str:
    return f"{GROUPS}/{quote(chat_id, safe='')}"


ROUTES = (
    web.get(GROUPS, show_groups),
    web.get(GROUPS + "/{chat_id}", show_one),
    web.post(GROUPS + "/{chat_id}", change),
    web.post(GROUPS + "/{chat_id}/picked", picked),
)
