"""Channels: cards with their codes, and making, changing and deleting them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from aiohttp import web
from sqlalchemy import select

from bot.customers.channel_draft import CONTACT_WAY, LINK, ChannelDraft, ChannelPatch
from bot.customers.channels import roster
from bot.errors import RetryLater, WeComError
from bot.store.channel_tables import Channel, Greeting
from bot.web.api.channels import ChannelView, draw, list_channels
from bot.web.api.endpoint import PageQuery, path_id
from bot.web.console.bars import Bars, bars
from bot.web.console.channel_form import LABELS, MOST_ROWS, read_channel, spoken
from bot.web.console.desk import Desk, desk
from bot.web.console.greeting_form import fields_of, preview_of
from bot.web.console.keys import SIGNED
from bot.web.console.shell import checked, choices_of, form_of, guide_names, shown, went
from bot.web.keys import CHANNELS as ROOM
from bot.web.keys import CLOCK, JOURNEYS, LINK_QUOTA

CHANNELS = "/console/channels"
_PAGE, _DAYS = 24, 14
_PATIENCE = 2.0


async def show_channels(request: web.Request) -> web.Response:
    """Cards of all channels, page by page."""
    here = desk(request)
    raw = request.query.get("after", "0")
    after = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 19 else 0
    page = await list_channels(request, PageQuery(after=after, limit=_PAGE), None)
    return shown(
        request,
        "channels.html",
        at="channels",
        channels=page.items,
        following=f"{CHANNELS}?after={page.next_after}" if page.next_after else "",
        days=await _days(here, [one.id for one in page.items]),
        names=await guide_names(here.database),
        quota=await _quota(request, page.items),
    )


async def _quota(request: web.Request, channels: Sequence[ChannelView]) -> dict[str, Any] | None:
    """What links may still bring, in words; the page does not wait long for it."""
    if not any(one.kind == LINK for one in channels):
        return None
    here = desk(request)
    try:
        async with asyncio.timeout(_PATIENCE):
            quota = await request.app[LINK_QUOTA].read()
    except WeComError as error:
        return {"text": here.words("quota.unknown", why=error.message), "low": False}
    except TimeoutError:
        return {"text": here.words("quota.late"), "low": False}
    text = here.words("quota.left", n=quota.balance, total=quota.total)
    if quota.portions and (lost_at := quota.portions[0].expires_at):
        lost, day = quota.portions[0].balance, f"{lost_at.astimezone(here.zone):%Y-%m-%d}"
        key = "quota.all_lost" if lost >= quota.balance else "quota.lost"
        text += here.words(key, n=lost, day=day)
    return {"text": text, "low": quota.low}


async def show_new(request: web.Request) -> web.Response:
    """The form of a new code, or with `?kind=link` of a link of the acquisition assistant."""
    kind = LINK if request.query.get("kind") == LINK else CONTACT_WAY
    return await _form(request, "channel_form.html", channel=None, kind=kind)


async def show_one(request: web.Request) -> web.Response:
    """One channel: its code, its numbers, and the form to change it."""
    here = desk(request)
    channel = await request.app[ROOM].get(path_id(request))
    days = await _days(here, [channel.id])
    names = await guide_names(here.database)
    async with here.database.read() as session:
        latest = (
            await session.scalars(
                select(Greeting)
                .where(Greeting.channel_id == channel.id)
                .order_by(Greeting.id.desc())
                .limit(10)
            )
        ).all()
    rules = roster(channel)
    change = rules.next_change(request.app[CLOCK].now().astimezone(here.zone))
    return await _form(
        request,
        "channel.html",
        channel=channel,
        kind=channel.kind,
        days=days[channel.id],
        latest=[_greeting(here, row, names) for row in latest],
        next_change=here.time(change) if change else "",
        paused=here.time(channel.paused_at) if channel.paused_at else "",
    )


async def create(request: web.Request) -> web.Response:
    """Make a channel; when WeCom's answer is late the page shows it as being made."""
    form = await form_of(request)
    kind = LINK if form.get("kind") == LINK else CONTACT_WAY
    data = await _fields(request, kind)
    draft = checked(ChannelDraft, data | {"kind": kind}, _labels(request))
    try:
        channel = await request.app[ROOM].create(draft)
    except RetryLater:
        return went(request, CHANNELS, "created")
    return went(request, f"{CHANNELS}/{channel.id}", "created")


async def change(request: web.Request) -> web.Response:
    channel_id = path_id(request)
    channel = await request.app[ROOM].get(channel_id)
    data = await _fields(request, channel.kind)
    await request.app[ROOM].change(channel_id, checked(ChannelPatch, data, _labels(request)))
    return went(request, f"{CHANNELS}/{channel_id}", "saved")


async def pause(request: web.Request) -> web.Response:
    """Let the channel rest: the backups answer, its own words are not said."""
    reason = (await form_of(request)).get("reason", "").strip()
    channel_id, who = path_id(request), request[SIGNED].user
    await request.app[ROOM].pause(channel_id, by=who, reason=reason)
    return went(request, f"{CHANNELS}/{channel_id}", "paused")


async def resume(request: web.Request) -> web.Response:
    await request.app[ROOM].resume(path_id(request))
    return went(request, f"{CHANNELS}/{path_id(request)}", "resumed")


async def delete(request: web.Request) -> web.Response:
    await request.app[ROOM].delete(path_id(request))
    return went(request, CHANNELS, "deleted")


async def poster(request: web.Request) -> web.Response:
    """The code as a picture to show or to print."""
    response = await draw(request)
    response.headers["Cache-Control"] = "private, max-age=300"
    return response


async def _form(
    request: web.Request, template: str, *, channel: Channel | None, kind: str, **more: Any
) -> web.Response:
    """A page with the fields of a channel."""
    here = desk(request)
    names = await guide_names(here.database)
    greeting = channel.greeting if channel else {}
    return shown(
        request,
        template,
        at="channels",
        channel=channel,
        kind=kind,
        names=names,
        everybody=await guide_names(here.database, present=True),
        spoken=lambda userids: spoken(userids, names),
        journeys=await _journeys(request, channel),
        words=await fields_of(request, greeting),
        preview=await preview_of(request, greeting),
        most_rows=MOST_ROWS,
        **more,
    )


async def _journeys(request: web.Request, channel: Channel | None) -> dict[str, str]:
    """The journeys to choose from, by id; one that is gone stays for the channel that has it."""
    shelf = request.app[JOURNEYS]
    found = {one.id: one.journey.name for one in await shelf.all() if one.journey}
    if channel and channel.journey:
        found.setdefault(channel.journey, channel.journey)
    return found


async def _fields(request: web.Request, kind: str) -> dict[str, Any]:
    form = await form_of(request)
    names = await guide_names(desk(request).database)
    days = {
        number: await choices_of(request, f"s{number}.days")
        for number in range(MOST_ROWS)
        if f"s{number}.from" in form
    }
    ticked = await choices_of(request, "guides")
    return read_channel(form, kind=kind, ticked=ticked, days=days, names=names)


def _labels(request: web.Request) -> dict[str, str]:
    words = desk(request).words
    return {field: words(key) for field, key in LABELS.items()}


async def _days(here: Desk, ids: list[int]) -> dict[int, tuple[Bars, int, int]]:
    """Friends by day: the picture, those of today, and of all days shown."""
    today = here.now.astimezone(here.zone).date()
    first = today - timedelta(days=_DAYS - 1)
    since = datetime.combine(first, time(), tzinfo=here.zone)
    friends: dict[int | None, dict[date, set[str]]] = defaultdict(lambda: defaultdict(set))
    async with here.database.read() as session:
        rows = await session.execute(
            select(Greeting.channel_id, Greeting.external_userid, Greeting.added_at).where(
                Greeting.channel_id.in_(ids), Greeting.added_at >= since
            )
        )
        for channel_id, who, at in rows:
            friends[channel_id][at.astimezone(here.zone).date()].add(who)
    found = {}
    for one in ids:
        days = [first + timedelta(days=number) for number in range(_DAYS)]
        counted = [len(friends[one][day]) for day in days]
        drawn = bars(
            [
                (f"{day:%m-%d} {number}", number, 0)
                for day, number in zip(days, counted, strict=True)
            ]
        )
        found[one] = (drawn, counted[-1], sum(counted))
    return found


def _greeting(here: Desk, row: Greeting, names: dict[str, str]) -> dict[str, str]:
    outcome = row.outcome or "waiting"
    return {
        "who": row.external_userid,
        "guide": names.get(row.userid, row.userid),
        "at": here.time(row.added_at),
        "outcome": outcome,
        "label": here.words(f"greeting.{outcome}"),
        "reason": row.reason,
    }


ROUTES = (
    web.get(CHANNELS, show_channels),
    web.get(CHANNELS + "/new", show_new),
    web.post(CHANNELS, create),
    web.get(CHANNELS + "/{id:\\d+}", show_one),
    web.post(CHANNELS + "/{id:\\d+}", change),
    web.post(CHANNELS + "/{id:\\d+}/pause", pause),
    web.post(CHANNELS + "/{id:\\d+}/resume", resume),
    web.post(CHANNELS + "/{id:\\d+}/delete", delete),
    web.get(CHANNELS + "/{id:\\d+}/poster", poster),
)
