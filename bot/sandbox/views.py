"""People and messages as the page shows them."""

from __future__ import annotations

from typing import Any

from . import handovers
from .customers import Customer
from .platform import Platform
from .sample import DEFAULT_ACCOUNT
from .sessions import REPLIES_PER_WINDOW, WINDOW_SECONDS, State
from .timeline import Message
from .wording import STATES


def shown_customer(platform: Platform, customer: Customer) -> dict[str, Any]:
    """A customer with the session, as the page shows it."""
    now = platform.now()
    session = platform.sessions.get(DEFAULT_ACCOUNT, customer.external_userid)
    state = session.state_at(now)
    left = max(0, session.asked_at + WINDOW_SECONDS - now) if session.asked_at else 0
    came = session.asked_at or session.entered_at
    words = STATES[state] if came else ("还没有会话", "not started")
    open_window = state in {State.NEW, State.ASSISTANT}
    return {
        "external_userid": customer.external_userid,
        "nickname": customer.nickname,
        "sketch": {"zh": customer.sketch, "en": customer.sketch_en},
        "face": customer.face,
        "refuses": customer.refuses,
        "unread": platform.unread(customer.external_userid),
        "state": int(state),
        "state_words": dict(zip(("zh", "en"), words, strict=True)),
        "replies_left": REPLIES_PER_WINDOW - session.replies if open_window else 0,
        "window_seconds": left,
        "last": _last(platform, customer.external_userid),
        "friends": _friends(platform, customer.external_userid),
        "handover": _handover(platform, customer.external_userid),
    }


def _friends(platform: Platform, external_userid: str) -> list[dict[str, Any]]:
    pairs = platform.friends.of_customer(external_userid, half=True)
    return [{"userid": pair.userid, "half": pair.half} for pair in pairs if not pair.ended]


def _handover(platform: Platform, external_userid: str) -> str:
    """The guide who is about to take over, empty when nobody is."""
    one = handovers.waiting(platform, external_userid)
    return one.taker if one else ""


def _last(platform: Platform, external_userid: str) -> dict[str, Any] | None:
    shown = [m for m in platform.timeline.of_customer(external_userid, last=6) if _visible(m)]
    return shown_message(shown[-1]) if shown else None


def _visible(message: Message) -> bool:
    return message.msgtype != "event" and message.fate != "failed"


def shown_message(message: Message) -> dict[str, Any]:
    """A message as the page shows it."""
    return {
        "seq": message.seq,
        "msgid": message.msgid,
        "origin": int(message.origin),
        "servicer": message.servicer,
        "msgtype": message.msgtype,
        "content": message.content,
        "at": message.at,
        "fate": message.fate.value,
    }
