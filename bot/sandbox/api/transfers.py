"""Handing a customer from one guide to another: begun by a call, done a day later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import handovers
from ..errors import ApiError
from ..handovers import Handover
from ..sample import GUIDES
from .call import Answer, Body, Call, optional_text, post

if TYPE_CHECKING:
    from ..platform import Platform

MOST_CUSTOMERS = 100
MOST_ROWS = 1000
LONGEST_MESSAGE = 200


def transfer(platform: Platform, call: Call) -> Answer:
    """Begin to hand over up to a hundred customers; each has an errcode of its own."""
    giver, taker = _pair(call)
    if len(optional_text(call.body, "transfer_success_msg")) > LONGEST_MESSAGE:
        raise ApiError(40058, f"transfer_success_msg has more than {LONGEST_MESSAGE} characters")
    whom = call.texts("external_userid", most=MOST_CUSTOMERS)
    return {"customer": [_begun(platform, giver, taker, one) for one in whom]}


def result(platform: Platform, call: Call) -> Answer:
    """How the handing over of all customers between two guides stands, page by page."""
    giver, taker = _pair(call)
    cursor = optional_text(call.body, "cursor")
    if cursor and not cursor.isdigit():
        raise ApiError(50100, "invalid cursor")
    start = int(cursor or 0)
    found = handovers.between(platform, giver, taker)
    page = found[start : start + MOST_ROWS]
    more = str(start + MOST_ROWS) if start + MOST_ROWS < len(found) else ""
    return {"customer": [_told(one) for one in page], "next_cursor": more}


def _begun(platform: Platform, giver: str, taker: str, external_userid: str) -> Body:
    errcode = handovers.begin(platform, giver, taker, external_userid)
    return {"external_userid": external_userid, "errcode": errcode}


def _told(one: Handover) -> Body:
    return {
        "external_userid": one.external_userid,
        "status": one.status,
        "takeover_time": one.taken_at,
    }


def _pair(call: Call) -> tuple[str, str]:
    giver, taker = call.text("handover_userid"), call.text("takeover_userid")
    for userid in (giver, taker):
        if userid not in GUIDES:
            raise ApiError(40003, f"invalid userid: {userid}")
    if giver == taker:
        raise ApiError(40058, "invalid parameter: a guide cannot take over from themselves")
    return giver, taker


ROUTES = {
    "externalcontact/transfer_customer": post(transfer),
    "externalcontact/transfer_result": post(result),
}
