"""What customers do besides writing: come in by a link, tap a menu, take back, refuse."""

from __future__ import annotations

from .errors import UnknownSubject
from .journal import Line
from .platform import Platform
from .sample import DEFAULT_ACCOUNT
from .sessions import WINDOW_SECONDS
from .timeline import Fate, Message, Origin


def enter(
    platform: Platform,
    external_userid: str,
    *,
    scene: str = "",
    scene_param: str = "",
    open_kfid: str = DEFAULT_ACCOUNT,
) -> Message:
    """A customer opens the chat by a link; a welcome code comes along if one is due."""
    customer, now = platform.customer(external_userid), platform.now()
    with platform.store.transaction():
        session = platform.sessions.get(open_kfid, external_userid)
        quiet = now - max(session.welcomed_at, session.asked_at) > WINDOW_SECONDS
        issue = platform.codes.issue
        code = issue(open_kfid, external_userid, "welcome", None, now) if quiet else ""
        platform.sessions.update(
            open_kfid, external_userid, entered_at=now, scene=scene, scene_param=scene_param
        )
        event = platform.add_event(
            open_kfid,
            external_userid,
            "enter_session",
            scene=scene,
            scene_param=scene_param,
            **({"welcome_code": code} if code else {}),
        )
    platform.journal.note(
        Line.CUSTOMER,
        f"{customer.nickname} 点链接进入会话",
        f"{customer.nickname} opens the chat by a link",
    )
    return event


def tap_menu(platform: Platform, external_userid: str, msgid: str, place: int) -> Message:
    """A customer taps one entry of a menu that was sent: it arrives as a text."""
    menu = _message(platform, external_userid, msgid)
    entries = menu.content.get("list", [])
    if menu.msgtype != "msgmenu" or not 0 <= place < len(entries):
        raise UnknownSubject("这条消息里没有这个菜单项")
    entry = entries[place]
    if entry["type"] != "click":
        raise UnknownSubject("这个菜单项不是按钮")
    content = {"content": entry["click"]["content"], "menu_id": entry["click"]["id"]}
    return platform.customer_sends(external_userid, "text", content, open_kfid=menu.open_kfid)


def recall(platform: Platform, external_userid: str, msgid: str) -> Message:
    """A customer takes back a message that they sent."""
    message = _message(platform, external_userid, msgid)
    if message.origin is not Origin.CUSTOMER or message.fate is not Fate.DELIVERED:
        raise UnknownSubject("这条消息不能撤回")
    with platform.store.transaction():
        platform.timeline.set_fate(message, Fate.RECALLED)
        return platform.add_event(
            message.open_kfid, external_userid, "user_recall_msg", recall_msgid=msgid
        )


def refuse(platform: Platform, external_userid: str, refuses: bool) -> None:
    """A customer blocks the shop: sends are accepted, then fail with an event."""
    customer = platform.customer(external_userid)
    platform.store.run(
        "UPDATE customers SET refuses = ? WHERE external_userid = ?",
        int(refuses),
        external_userid,
    )
    zh, en = ("拒收", "refuses") if refuses else ("不再拒收", "no longer refuses")
    platform.journal.note(
        Line.CUSTOMER,
        f"{customer.nickname} {zh}店里的消息",
        f"{customer.nickname} {en} messages of the shop",
    )
    platform.changed("customers")


def _message(platform: Platform, external_userid: str, msgid: str) -> Message:
    for message in platform.timeline.of_customer(external_userid, last=1000):
        if message.msgid == msgid:
            return message
    raise UnknownSubject("找不到这条消息")
