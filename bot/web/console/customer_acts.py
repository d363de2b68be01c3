"""What operators and guides do with one customer by hand: another stage, another guide."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from bot.customers.follows import FollowState
from bot.customers.stages import move_by_hand
from bot.customers.transfer_rows import OPEN_STATES
from bot.errors import Forbidden, Unprocessable
from bot.store.contact_tables import Transfer
from bot.store.tables import ConsoleRole
from bot.web.api.customers import path_customer
from bot.web.console.desk import Desk, desk
from bot.web.console.keys import SIGNED
from bot.web.console.shell import form_of, guide_names, went
from bot.web.keys import CLOCK, CONTACTS, DATABASE, FUNNEL

CUSTOMERS = "/console/customers"
_LATEST = 3


async def move(request: web.Request) -> web.Response:
    """Another stage, with the reason that stays in the record."""
    who, form = path_customer(request), await form_of(request)
    async with request.app[DATABASE].write() as session:
        await move_by_hand(
            session,
            who,
            to=form.get("to", ""),
            by=request[SIGNED].user,
            reason=form.get("reason", ""),
            funnel=request.app[FUNNEL],
            now=request.app[CLOCK].now(),
            seen=form.get("seen") or None,
        )
    return went(request, request.path.removesuffix("/stage"), "moved")


async def hand_on(request: web.Request) -> web.Response:
    """To another guide; WeCom does it a day later unless the customer refuses."""
    if not _operates(request):
        raise Forbidden("只有管理员能把客户转给别的导购，请联系管理员")
    who, form = path_customer(request), await form_of(request)
    takeover = form.get("takeover", "").strip()
    if not takeover:
        raise Unprocessable("请选择由哪位导购接手")
    await request.app[CONTACTS].transfers.begin(
        who,
        takeover=takeover,
        handover=form.get("handover", "").strip() or None,
        message=form.get("message", "").strip(),
        by=request[SIGNED].user,
    )
    return went(request, request.path.removesuffix("/transfer"), "handed")


async def handovers(request: web.Request, follows: list[Any]) -> dict[str, Any]:
    """What the page needs of handing on: from whom, to whom, and how earlier ones stand."""
    here, who = desk(request), path_customer(request)
    names = await guide_names(here.database)
    present = await guide_names(here.database, present=True)
    rows = await request.app[CONTACTS].transfers.of(who)
    givers = [one.userid for one in follows if one.state == FollowState.ACTIVE]
    takers = {userid: name for userid, name in present.items() if [userid] != givers}
    waiting = any(row.state in OPEN_STATES for row in rows)
    return {
        "givers": {userid: names.get(userid, userid) for userid in givers},
        "takers": takers,
        "possible": bool(givers and takers) and not waiting and _operates(request),
        "rows": [_shown(here, row, names) for row in rows[:_LATEST]],
    }


def _operates(request: web.Request) -> bool:
    return request[SIGNED].role is ConsoleRole.OPERATOR


def _shown(here: Desk, row: Transfer, names: dict[str, str]) -> dict[str, str]:
    return {
        "state": row.state,
        "label": here.words(f"handed.{row.state}"),
        "pair": here.words(
            "handed.pair",
            a=names.get(row.handover, row.handover),
            b=names.get(row.takeover, row.takeover),
        ),
        "reason": row.reason,
        "by": row.asked_by,
        "at": here.time(row.asked_at),
    }


ROUTES = (
    web.post(CUSTOMERS + "/{external_userid}/stage", move),
    web.post(CUSTOMERS + "/{external_userid}/transfer", hand_on),
)
