"""Guides at work: they publish, send and follow up on what waits for them."""

from __future__ import annotations

import json
import re
from datetime import timedelta, timezone
from typing import TYPE_CHECKING, Any
from zlib import crc32

from . import mass_sends, meetings, moments
from .errors import UnknownSubject
from .journal import Line
from .sample import GUIDES

if TYPE_CHECKING:
    from .platform import Platform

_SHANGHAI = timezone(timedelta(hours=8))
MORNING, EVENING = 9, 22
_LIKES_ONE_IN, _COMMENTS_ONE_IN = 3, 7
_INVITES = "评论"
_CARD = re.compile(r"【跟进】(?P<name>[^：\n]+)：.*?可以直接复制：\s*(?P<words>.+)", re.DOTALL)
_SHOWN = 8


def at_work(platform: Platform) -> bool:
    """Whether it is the time of day at which guides look at their phones."""
    return MORNING <= platform.clock().astimezone(_SHANGHAI).hour < EVENING


def see_to_tasks(platform: Platform) -> int:
    """Guides confirm in working hours whatever waits for them; some customers like a post."""
    if not at_work(platform):
        return 0
    posts, sends, cards = moments.waiting(platform), mass_sends.waiting(platform), _open(platform)
    for msgid, _ in sends:
        mass_sends.confirm(platform, msgid)
    for moment_id, userid in posts:
        publish(platform, moment_id, userid)
    for row in cards:
        follow_up(platform, row["seq"])
    if posts or sends or cards:
        platform.changed("threads")
    return len(posts) + len(sends) + len(cards)


def publish(platform: Platform, moment_id: str, userid: str) -> list[str]:
    """The guide taps publish: some who see the post like it, some say something if asked to."""
    seen = moments.publish(platform, moment_id, userid)
    invites = _INVITES in moments.made(platform, moment_id)["body"]
    for who in seen:
        number = crc32(f"{moment_id}{who}".encode())
        if number % _LIKES_ONE_IN == 0:
            moments.react(platform, moment_id, userid, who, moments.LIKE)
        if invites and number % _COMMENTS_ONE_IN == 0:
            moments.react(platform, moment_id, userid, who, moments.COMMENT)
    return seen


def follow_up(platform: Platform, seq: int) -> int:
    """A guide sends the words of a card in the private chat; how many customers that reached."""
    row = platform.store.one("SELECT * FROM app_messages WHERE seq = ?", seq)
    if row is None or (found := _addressed(platform, row)) is None:
        raise UnknownSubject("这条提醒里没有可以直接发给客户的话")
    if _is_sent(platform, seq):
        return 0
    userid, who, words = found
    with platform.store.transaction():
        platform.store.remember(f"card_sent:{seq}", "yes")
        meetings.arrive(platform, userid, who, "text", {"content": words})
    name = platform.customer(who).nickname
    platform.journal.note(
        Line.PLATFORM,
        f"{GUIDES.get(userid, userid)} 照卡片给 {name} 发了消息",
        f"{userid} follows up with {name}",
    )
    return 1


def latest_cards(platform: Platform) -> list[dict[str, Any]]:
    """What the app told guides lately, newest first; `to` is whom its words are for."""
    rows = platform.store.all("SELECT * FROM app_messages ORDER BY seq DESC LIMIT ?", _SHOWN)
    return [_card(platform, row) for row in rows]


def _card(platform: Platform, row: Any) -> dict[str, Any]:
    found = _addressed(platform, row)
    return {
        "id": row["seq"],
        "guide": "、".join(GUIDES.get(one, one) for one in row["receivers"].split("|")),
        "text": _text(row) or row["msgtype"],
        "at": row["at"],
        "to": platform.customer(found[1]).nickname if found else None,
        "sent": _is_sent(platform, row["seq"]),
    }


def _open(platform: Platform) -> list[Any]:
    since = platform.now() - 24 * 3600
    rows = platform.store.all("SELECT * FROM app_messages WHERE at >= ? ORDER BY seq", since)
    return [
        row
        for row in rows
        if not _is_sent(platform, row["seq"]) and _addressed(platform, row) is not None
    ]


def _addressed(platform: Platform, row: Any) -> tuple[str, str, str] | None:
    """Guide, customer and words of a card that says whom to write what."""
    found = _CARD.search(_text(row))
    if found is None or "|" in row["receivers"]:
        return None
    friends = platform.store.all(
        "SELECT external_userid FROM friendships JOIN customers USING (external_userid)"
        " WHERE userid = ? AND nickname = ? AND half = 0 AND ended = ''",
        row["receivers"],
        found["name"],
    )
    if len(friends) != 1:
        return None
    return row["receivers"], friends[0]["external_userid"], found["words"].strip()


def _text(row: Any) -> str:
    return str(json.loads(row["body"]).get("content") or "")


def _is_sent(platform: Platform, seq: int) -> bool:
    return platform.store.fact(f"card_sent:{seq}") is not None
