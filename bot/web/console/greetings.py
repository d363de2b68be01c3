"""Greetings of new friends: what each channel says, seen as the friend will see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy import func, select

from bot.customers.channel_draft import ChannelPatch
from bot.customers.greeting_content import CUSTOMER, GUIDE, SHOP, check_variables, render
from bot.errors import BotError, NotFound
from bot.store.channel_tables import Channel, ChannelStatus, Greeting
from bot.web.api.endpoint import path_id
from bot.web.console.desk import desk
from bot.web.console.shell import checked, form_of, shown, went
from bot.web.keys import CHANNELS as ROOM
from bot.web.keys import GROUPS, SETTINGS, VARIABLES

GREETINGS = "/console/greetings"
_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Preview:
    """A greeting with its variables filled in; `problem` says why it would not be sent."""

    text: str
    problem: str
    guide: str
    attachments: list[str]


async def show_greetings(request: web.Request) -> web.Response:
    """The default and every channel's own words."""
    here, own = desk(request), request.app[SETTINGS].greetings
    async with here.database.read() as session:
        channels = (
            await session.scalars(
                select(Channel).where(Channel.status != ChannelStatus.DELETED).order_by(Channel.id)
            )
        ).all()
        latest = (
            await session.scalars(select(Greeting).order_by(Greeting.id.desc()).limit(_LIMIT))
        ).all()
        counted = dict(
            (
                await session.execute(
                    select(Greeting.outcome, func.count()).group_by(Greeting.outcome)
                )
            ).all()
        )
    which = request.query.get("channel", "")
    chosen = next((one for one in channels if str(one.id) == which), None)
    if which and chosen is None:
        raise NotFound("没有这个渠道，可能已被删除")
    text = str(chosen.greeting.get("text", "")) if chosen else own.default_text
    return shown(
        request,
        "greetings.html",
        at="greetings",
        channels=channels,
        chosen=chosen,
        text=text,
        own=own,
        counted={str(outcome): number for outcome, number in counted.items() if outcome},
        latest=[_row(request, row) for row in latest if row.outcome != "sent"][:8],
        variables=variables_of(request),
        preview=preview_of(request, text, chosen),
        templates=await request.app[GROUPS].templates.all(),
        segments=request.app[GROUPS].segments,
    )


async def preview(request: web.Request) -> web.Response:
    """What the friend would read; asked while somebody types."""
    form = await form_of(request)
    text = form.get("greeting", "").replace("\r\n", "\n").strip()
    return shown(request, "_phone.html", at="greetings", preview=preview_of(request, text))


async def save(request: web.Request) -> web.Response:
    """Change the words of one channel; without words it greets with the default."""
    channel_id, form = path_id(request), await form_of(request)
    channel = await request.app[ROOM].get(channel_id)
    text = form.get("greeting", "").replace("\r\n", "\n").strip()
    greeting: dict[str, Any] = dict(channel.greeting) | {"text": text}
    if not text:
        greeting |= {"returning_text": "", "shared_text": ""}
    patch = checked(
        ChannelPatch, {"greeting": greeting}, {"greeting": desk(request).words("channel.greeting")}
    )
    await request.app[ROOM].change(channel_id, patch)
    return went(request, f"{GREETINGS}?channel={channel_id}", "saved")


def preview_of(request: web.Request, text: str, channel: Channel | None = None) -> Preview:
    """With sample names; an empty text shows the default, as it would be sent."""
    words, own = desk(request).words, request.app[SETTINGS].greetings
    values = request.app[VARIABLES] | {
        CUSTOMER: words("sample.customer"),
        GUIDE: words("sample.guide"),
    }
    shown_text, problem = text or own.default_text, ""
    try:
        check_variables(shown_text, values)
        shown_text = render(shown_text, values)
    except ValueError as error:
        problem = str(error)
    except BotError as error:
        problem = error.message
    attachments = channel.greeting.get("attachments", []) if channel and text else own.attachments
    return Preview(
        text=shown_text,
        problem=problem,
        guide=words("sample.guide"),
        attachments=[_attachment(one) for one in attachments],
    )


def variables_of(request: web.Request) -> list[str]:
    """The variables that a greeting may use, the three of every greeting first."""
    known = request.app[VARIABLES]
    return [CUSTOMER, GUIDE, SHOP, *(name for name in known if name != SHOP)]


def _attachment(one: dict[str, Any]) -> str:
    kind = str(one.get("msgtype") or next(iter(one), ""))
    body = one.get(kind)
    title = body.get("title", "") if isinstance(body, dict) else str(body or "").rsplit("/", 1)[-1]
    return f"{kind} {title}".strip()


def _row(request: web.Request, row: Greeting) -> dict[str, str]:
    here = desk(request)
    outcome = row.outcome or "waiting"
    return {
        "who": row.external_userid,
        "at": here.time(row.added_at),
        "outcome": outcome,
        "label": here.words(f"greeting.{outcome}"),
        "reason": row.reason,
    }


ROUTES = (
    web.get(GREETINGS, show_greetings),
    web.post(GREETINGS + "/preview", preview),
    web.post(GREETINGS + "/{id:\\d+}", save),
)
