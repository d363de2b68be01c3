"""How people become friends: scanning a channel's code, adding half, deleting each other."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from .errors import UnknownSubject
from .friends import BY_CUSTOMER, BY_GUIDE
from .journal import Line
from .links import find_link, spent
from .platform import Platform
from .sample import GUIDES
from .timeline import Message, Origin

BY_CODE, BY_LINK = 1, 16
NAMES = ("小禾", "阿蓝", "橙子", "木木", "夏夏", "一一", "可乐", "米粒", "南瓜", "小满")
FACES = ("bob", "curl", "bun", "crop", "long", "cap")


@dataclass(frozen=True, slots=True)
class Code:
    """A contact way as somebody who scans it meets it."""

    config_id: str
    state: str
    users: tuple[str, ...]
    remark: str


def codes(platform: Platform) -> list[Code]:
    """All codes that can be scanned, the newest first."""
    rows = platform.store.all("SELECT * FROM contact_ways ORDER BY position DESC")
    return [_code(row["config_id"], json.loads(row["body"])) for row in rows]


def newcomer(platform: Platform, nickname: str = "") -> str:
    """Somebody who was never here before."""
    number = len(platform.customers())
    external_userid = f"wmSandboxNew{secrets.token_hex(9)}"
    name = nickname or f"{NAMES[number % len(NAMES)]}{number}"
    face = FACES[number % len(FACES)]
    platform.add_customer(external_userid, name, sketch="刚扫码的新客", face=face)
    return external_userid


def scan(
    platform: Platform,
    external_userid: str,
    *,
    config_id: str = "",
    userid: str = "",
    half: bool = False,
    consent: bool = True,
) -> str:
    """A customer scans a code and becomes the friend of one of its guides; gives the guide.

    Without `config_id` the guide's own card is scanned, which has no state. `half` leaves the
    guide to add back.
    """
    code = _find(platform, config_id) if config_id else None
    guide = userid or (_next_guide(platform, code) if code else next(iter(GUIDES)))
    state = code.state if code else ""
    befriend(platform, external_userid, guide, state=state, half=half, consent=consent)
    return guide


def befriend(
    platform: Platform,
    external_userid: str,
    guide: str,
    *,
    state: str = "",
    half: bool = False,
    consent: bool = True,
    add_way: int = BY_CODE,
) -> None:
    """Two become friends, or half friends, and the callback hears of it."""
    customer = platform.customer(external_userid)
    with platform.store.transaction():
        welcome = _welcome_code(platform, guide, external_userid, consent=consent)
        platform.friends.begin(
            guide,
            external_userid,
            channel=state,
            half=half,
            add_way=add_way,
            now=platform.now(),
        )
        change = "add_half_external_contact" if half else "add_external_contact"
        platform.notify_contact(change, guide, external_userid, State=state, WelcomeCode=welcome)
    name = GUIDES.get(guide, guide)
    platform.journal.note(
        Line.CUSTOMER,
        f"{customer.nickname} {'点链接' if add_way == BY_LINK else '扫码'}添加了 {name}"
        + (f"（渠道 {state}）" if state else ""),
        f"{customer.nickname} {'opens a link' if add_way == BY_LINK else 'scans a code'}"
        f" and adds {guide}",
    )
    platform.changed("customers")


def open_link(
    platform: Platform,
    external_userid: str,
    link_id: str,
    *,
    channel: str = "",
    half: bool = False,
) -> str:
    """A customer opens an acquisition link and becomes the friend of a guide; gives the guide.

    `channel` is the `customer_channel` that whoever spread the link has put behind it. A link
    without `skip_verify` leaves the guide to add back.
    """
    link = find_link(platform, link_id)
    if link is None:
        raise UnknownSubject("没有这个获客链接，可能已被删除")
    if spent(platform) >= platform.settings.acquisition_quota:
        raise UnknownSubject("获客助手的额度用完了，链接暂时打不开")
    guide = link.users[link.turn % len(link.users)]
    with platform.store.transaction():
        platform.store.run(
            "UPDATE acquisition_links SET turn = turn + 1 WHERE link_id = ?", link_id
        )
        platform.store.run(
            "INSERT OR IGNORE INTO acquisition_friends (link_id, external_userid, userid, state,"
            " at) VALUES (?, ?, ?, ?, ?)",
            link_id,
            external_userid,
            guide,
            channel,
            platform.now(),
        )
        platform.notify_acquisition("friend_request", LinkId=link_id, State=channel)
        half = half or not link.skip_verify
        befriend(platform, external_userid, guide, state=channel, half=half, add_way=BY_LINK)
    return guide


def confirm(platform: Platform, external_userid: str, userid: str) -> None:
    """The guide adds back; the half-add's code, once used, is not given again."""
    if not platform.friends.confirm(userid, external_userid):
        raise UnknownSubject("没有等待通过的好友申请")
    pair = platform.friends.require(userid, external_userid)
    welcome = ""
    if not platform.friends.welcomed(userid, external_userid):
        welcome = _welcome_code(platform, userid, external_userid)
    platform.notify_contact(
        "add_external_contact",
        userid,
        external_userid,
        State=pair.channel,
        WelcomeCode=welcome,
    )


def leave(platform: Platform, external_userid: str, userid: str = "") -> None:
    """The customer deletes a guide."""
    guide = userid or _any_guide(platform, external_userid)
    _end(platform, guide, external_userid, by=BY_CUSTOMER)
    platform.notify_contact("del_follow_user", guide, external_userid)


def drop(platform: Platform, external_userid: str, userid: str = "") -> None:
    """The guide deletes the customer."""
    guide = userid or _any_guide(platform, external_userid)
    _end(platform, guide, external_userid, by=BY_GUIDE)
    platform.notify_contact("del_external_contact", guide, external_userid)


def set_admin_welcome(platform: Platform, userid: str, on: bool) -> None:
    """The admin console has a greeting of its own for this guide: no codes are given."""
    if userid not in GUIDES:
        raise UnknownSubject(f"没有导购 {userid}")
    platform.store.remember(f"admin_welcome:{userid}", "1" if on else "")
    zh, en = ("设置了", "sets") if on else ("取消了", "removes")
    platform.journal.note(
        Line.PLATFORM,
        f"管理员在后台{zh} {GUIDES[userid]} 的欢迎语",
        f"An admin {en} a greeting for {userid}",
    )


def has_admin_welcome(platform: Platform, userid: str) -> bool:
    """Whether the admin console greets for this guide."""
    return bool(platform.store.fact(f"admin_welcome:{userid}"))


def arrive(
    platform: Platform, userid: str, external_userid: str, msgtype: str, content: dict[str, Any]
) -> Message:
    """One message of a guide's private chat appears on the customer's phone."""
    message = platform.timeline.append(
        f"friend:{userid}",
        external_userid,
        Origin.SERVICER,
        msgtype,
        content,
        at=platform.now(),
        servicer=userid,
    )
    platform.changed("threads")
    return message


def _welcome_code(
    platform: Platform, userid: str, external_userid: str, *, consent: bool = True
) -> str:
    if has_admin_welcome(platform, userid):
        return ""
    return platform.friends.issue_code(userid, external_userid, platform.now(), consent=consent)


def _end(platform: Platform, userid: str, external_userid: str, *, by: str) -> None:
    customer = platform.customer(external_userid)
    if not platform.friends.end(userid, external_userid, by=by):
        raise UnknownSubject("他们不是好友")
    guide = GUIDES.get(userid, userid)
    zh = (
        f"{customer.nickname} 删除了 {guide}"
        if by == BY_CUSTOMER
        else (f"{guide} 删除了 {customer.nickname}")
    )
    platform.journal.note(Line.CUSTOMER, zh, f"{by} ends {userid} and {customer.nickname}")
    platform.changed("customers")


def _any_guide(platform: Platform, external_userid: str) -> str:
    for pair in platform.friends.of_customer(external_userid):
        if not pair.ended:
            return pair.userid
    raise UnknownSubject("这位客户没有导购好友")


def _find(platform: Platform, config_id: str) -> Code:
    for code in codes(platform):
        if config_id in (code.config_id, code.state):
            return code
    raise UnknownSubject("没有这个活码，可能已被删除")


def _next_guide(platform: Platform, code: Code) -> str:
    turn = int(
        platform.store.value("SELECT turn FROM contact_ways WHERE config_id = ?", code.config_id)
    )
    platform.store.run(
        "UPDATE contact_ways SET turn = turn + 1 WHERE config_id = ?", code.config_id
    )
    return code.users[turn % len(code.users)]


def _code(config_id: str, body: dict[str, Any]) -> Code:
    return Code(config_id, body.get("state", ""), tuple(body["user"]), body.get("remark", ""))
