"""Messages of the app to members."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from typing import TYPE_CHECKING

from ..errors import ApiError
from ..sample import GUIDES
from .call import Answer, Body, Call, object_of, post, text_of

if TYPE_CHECKING:
    from ..platform import Platform

CARDS = frozenset(
    {
        "text_notice",
        "news_notice",
        "button_interaction",
        "vote_interaction",
        "multiple_interaction",
    }
)
TASK_ID = re.compile(r"[0-9A-Za-z_@-]{1,128}")
LONGEST_INTERVAL = 14_400
USUAL_INTERVAL = 1800


def send(platform: Platform, call: Call) -> Answer:
    """A notice to members; recorded once per content when a duplicate check is asked for."""
    if call.number("agentid", -1) != platform.settings.agent_id:
        raise ApiError(40056, "invalid agentid")
    msgtype = call.text("msgtype", missing=40008)
    if msgtype not in {"text", "markdown", "textcard", "template_card"}:
        raise ApiError(40008, f"invalid msgtype: {msgtype}")
    content = object_of(call.body, msgtype)
    interactive = _check(msgtype, content)
    receivers, invalid = _receivers(call)
    msgid = _record(platform, call, receivers, msgtype, content)
    code = {"response_code": secrets.token_urlsafe(24)} if interactive else {}
    return {"invaliduser": "|".join(invalid).lower(), "msgid": msgid, **code}


def _receivers(call: Call) -> tuple[list[str], list[str]]:
    named = str(call.body.get("touser", ""))
    if not (named or call.body.get("toparty") or call.body.get("totag")):
        raise ApiError(82001, "touser, toparty and totag are all empty")
    if named == "@all" or not named:
        return list(GUIDES), []
    asked = [userid for userid in named.split("|") if userid]
    if len(asked) > 1000:
        raise ApiError(40032, "too many users")
    known = [userid for userid in asked if userid in GUIDES]
    if not known:
        raise ApiError(81013, "all receivers are invalid")
    return known, [userid for userid in asked if userid not in GUIDES]


def _check(msgtype: str, content: Body) -> bool:
    if msgtype in {"text", "markdown"}:
        text_of(content, "content", missing=44004)
        return False
    if msgtype == "textcard":
        for name, longest in (("title", 128), ("description", 512), ("url", 2048)):
            text_of(content, name, longest=longest)
        return False
    return _check_card(content)


def _check_card(card: Body) -> bool:
    kind = card.get("card_type")
    if kind not in CARDS:
        raise ApiError(42031, "invalid card_type")
    title = card.get("main_title")
    if not ((isinstance(title, dict) and title.get("title")) or card.get("sub_title_text")):
        raise ApiError(42033, "template card without a title")
    interactive = str(kind).endswith("_interaction")
    if interactive and not TASK_ID.fullmatch(str(card.get("task_id", ""))):
        raise ApiError(42014, "invalid task_id")
    if not interactive and not isinstance(card.get("card_action"), dict):
        raise ApiError(42045, "card_action missing")
    return interactive


def _record(
    platform: Platform, call: Call, receivers: list[str], msgtype: str, content: Body
) -> str:
    now = platform.now()
    body = json.dumps(content, ensure_ascii=False)
    whole = json.dumps(call.body, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(whole.encode()).hexdigest()
    if call.body.get("enable_duplicate_check") == 1:
        asked = call.number("duplicate_check_interval", USUAL_INTERVAL)
        seen = platform.store.value(
            "SELECT msgid FROM app_messages WHERE digest = ? AND at > ?",
            digest,
            now - min(asked, LONGEST_INTERVAL),
        )
        if seen is not None:
            return str(seen)
    msgid = secrets.token_urlsafe(32)
    platform.store.insert(
        "app_messages",
        msgid=msgid,
        receivers="|".join(receivers),
        msgtype=msgtype,
        body=body,
        digest=digest,
        at=now,
    )
    return msgid


ROUTES = {
    "message/send": post(send),
}
