"""Customers on their way from one guide to another.

WeCom: a handover takes effect by itself after 24 hours unless the customer refuses it, and a
customer is handed over twice in 90 days at most.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from .errors import UnknownSubject
from .friends import BY_GUIDE
from .journal import Line
from .platform import Platform
from .sample import GUIDES

DONE, WAITING, REFUSED = 1, 2, 3
WAIT_SECONDS = 86400
_SPAN_SECONDS, _MOST_IN_SPAN = 90 * 86400, 2


@dataclass(frozen=True, slots=True)
class Handover:
    """One customer between two guides; `status` is WeCom's number for how it stands."""

    external_userid: str
    giver: str
    taker: str
    status: int
    begun_at: int
    taken_at: int


def begin(platform: Platform, giver: str, taker: str, external_userid: str) -> int:
    """Ask for one handover; gives the errcode, 0 when it was begun."""
    pair = platform.friends.find(giver, external_userid)
    if pair is None or pair.half or pair.ended:
        return 84061
    rows = _all(platform, external_userid)
    if any(one.status == WAITING for one in rows):
        return 40129
    since = platform.now() - _SPAN_SECONDS
    if sum(one.status == DONE and one.begun_at > since for one in rows) >= _MOST_IN_SPAN:
        return 40128
    platform.store.insert(
        "handovers",
        external_userid=external_userid,
        giver=giver,
        taker=taker,
        status=WAITING,
        begun_at=platform.now(),
    )
    return 0


def between(platform: Platform, giver: str, taker: str) -> list[Handover]:
    """All handovers from one guide to another, the oldest first."""
    rows = platform.store.all(
        "SELECT * FROM handovers WHERE giver = ? AND taker = ? ORDER BY seq", giver, taker
    )
    return [_handover(row) for row in rows]


def waiting(platform: Platform, external_userid: str) -> Handover | None:
    """The handover that this customer may still refuse."""
    return next((one for one in _all(platform, external_userid) if one.status == WAITING), None)


def refuse(platform: Platform, external_userid: str) -> None:
    """The customer does not want another guide."""
    one = waiting(platform, external_userid)
    if one is None:
        raise UnknownSubject("没有等待接替的导购")
    with platform.store.transaction():
        _close(platform, one, REFUSED)
        platform.notify_contact(
            "transfer_fail", one.taker, external_userid, FailReason="customer_refused"
        )


def settle(platform: Platform) -> int:
    """Let the handovers take effect whose day is over; how many there were."""
    rows = platform.store.all(
        "SELECT * FROM handovers WHERE status = ? AND begun_at <= ? ORDER BY seq",
        WAITING,
        platform.now() - WAIT_SECONDS,
    )
    for row in rows:
        _take_over(platform, _handover(row))
    return len(rows)


def _take_over(platform: Platform, one: Handover) -> None:
    who, now = one.external_userid, platform.now()
    pair = platform.friends.find(one.giver, who)
    with platform.store.transaction():
        _close(platform, one, DONE)
        if platform.friends.end(one.giver, who, by=BY_GUIDE):
            platform.notify_contact(
                "del_external_contact", one.giver, who, Source="DELETE_BY_TRANSFER"
            )
        state = pair.channel if pair else ""
        platform.friends.begin(one.taker, who, channel=state, half=False, now=now)
        platform.notify_contact("add_external_contact", one.taker, who, State=state)
    name = platform.customer(who).nickname
    giver, taker = GUIDES[one.giver], GUIDES[one.taker]
    platform.journal.note(
        Line.PLATFORM,
        f"{name} 由 {giver} 转给了 {taker}",
        f"{name} was handed from {one.giver} to {one.taker}",
    )
    platform.changed("customers")


def _close(platform: Platform, one: Handover, status: int) -> None:
    platform.store.run(
        "UPDATE handovers SET status = ?, taken_at = ? WHERE external_userid = ? AND status = ?",
        status,
        platform.now() if status == DONE else 0,
        one.external_userid,
        WAITING,
    )


def _all(platform: Platform, external_userid: str) -> list[Handover]:
    rows = platform.store.all(
        "SELECT * FROM handovers WHERE external_userid = ? ORDER BY seq", external_userid
    )
    return [_handover(row) for row in rows]


def _handover(row: sqlite3.Row) -> Handover:
    values = dict(row)
    del values["seq"]
    return Handover(**values)
