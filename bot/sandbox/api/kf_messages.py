"""Customer service: reading messages and sending them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ApiError
from ..faults import Fault
from ..sessions import Session
from ..timeline import Cursor, Fate, Origin
from .call import Answer, Body, Call, optional_text, post
from .kf_content import check_content, check_msgid

if TYPE_CHECKING:
    from ..platform import Platform

MOST_ROWS = 1000
REFUSED_BY_CUSTOMER = 10


def require_account(platform: Platform, call: Call) -> str:
    """The account named by the call."""
    open_kfid = call.text("open_kfid", missing=60251)
    if not platform.has_account(open_kfid):
        raise ApiError(95004, "open_kfid does not exist")
    return open_kfid


def require_customer(platform: Platform, external_userid: str) -> str:
    """The customer named by the call."""
    known = platform.store.value(
        "SELECT 1 FROM customers WHERE external_userid = ?", external_userid
    )
    if known is None:
        raise ApiError(40096, "invalid external_userid")
    return external_userid


def sync_messages(platform: Platform, call: Call) -> Answer:
    """One page of what customers, guides and the system did; never the API's own messages."""
    open_kfid = require_account(platform, call)
    _check_sync_token(platform, call, open_kfid)
    limit = call.number("limit", MOST_ROWS)
    if limit < 1:
        raise ApiError(40058, "invalid parameter: limit")
    limit = min(limit, MOST_ROWS)
    written = optional_text(call.body, "cursor", longest=64)
    cursor = Cursor.read(written, open_kfid) if written else Cursor()
    empty = _empty_page(platform, cursor, open_kfid)
    if empty is not None:
        return empty
    rows = platform.timeline.page(open_kfid, cursor.seq, limit + 1, platform.now())
    page, more = rows[:limit], len(rows) > limit
    after = Cursor(page[-1].seq if page else cursor.seq)
    return {
        "next_cursor": after.written(open_kfid),
        "has_more": int(more),
        "msg_list": [message.synced() for message in page],
    }


def _check_sync_token(platform: Platform, call: Call, open_kfid: str) -> None:
    token = optional_text(call.body, "token", longest=128)
    if token:
        platform.sync_tokens.check(token, open_kfid, platform.now())
    else:
        limit = platform.settings.tokenless_sync_per_minute
        platform.meter.count("kf/sync_msg without token", limit)


def _empty_page(platform: Platform, cursor: Cursor, open_kfid: str) -> Body | None:
    switch = platform.faults.active(Fault.EMPTY_PAGES)
    if switch is None:
        return None
    if cursor.empties >= switch.amount:
        platform.faults.take(Fault.EMPTY_PAGES)
        return None
    after = Cursor(cursor.seq, cursor.empties + 1)
    return {"next_cursor": after.written(open_kfid), "has_more": 1, "msg_list": []}


def send_message(platform: Platform, call: Call) -> Answer:
    """Send to a customer. Success is not delivery: a refusal arrives later as an event."""
    external_userid = require_customer(platform, call.text("touser", missing=40096))
    open_kfid = require_account(platform, call)
    msgid = check_msgid(call.body)
    msgtype, content = check_content(platform, call.body)
    if msgid and platform.timeline.has(open_kfid, msgid):
        raise ApiError(95033, "msgid repeated")
    session = platform.sessions.get(open_kfid, external_userid)
    session.check_sendable(platform.now())
    platform.sessions.assistant_replied(session)
    return {"msgid": _hand_over(platform, session, msgtype, content, msgid)}


def send_on_event(platform: Platform, call: Call) -> Answer:
    """The one message that a code permits, outside the five of the window."""
    now = platform.now()
    code = platform.codes.require(call.text("code", missing=95007), now)
    msgid = check_msgid(call.body)
    msgtype, content = check_content(platform, call.body)
    if msgtype not in code.msgtypes:
        raise ApiError(40008, f"invalid msgtype: {msgtype} is not allowed for this code")
    session = platform.sessions.get(code.open_kfid, code.external_userid)
    if code.state is not None and session.state_at(now) != code.state:
        raise ApiError(95018, "session state has changed since the code was given")
    if msgid and platform.timeline.has(code.open_kfid, msgid):
        raise ApiError(95033, "msgid repeated")
    platform.codes.spend(code)
    if code.kind == "welcome":
        platform.sessions.update(code.open_kfid, code.external_userid, welcomed_at=now)
    return {"msgid": _hand_over(platform, session, msgtype, content, msgid)}


def _hand_over(
    platform: Platform, session: Session, msgtype: str, content: Body, msgid: str
) -> str:
    open_kfid, external_userid = session.open_kfid, session.external_userid
    message = platform.timeline.append(
        open_kfid,
        external_userid,
        Origin.API,
        msgtype,
        content,
        at=platform.now(),
        msgid=msgid,
    )
    if platform.customer(external_userid).refuses:
        platform.timeline.set_fate(message, Fate.FAILED)
        platform.await_event(
            open_kfid,
            external_userid,
            "msg_send_fail",
            fail_msgid=message.msgid,
            fail_type=REFUSED_BY_CUSTOMER,
        )
    platform.changed("threads")
    return message.msgid


ROUTES = {
    "kf/sync_msg": post(sync_messages),
    "kf/send_msg": post(send_message),
    "kf/send_msg_on_event": post(send_on_event),
}
