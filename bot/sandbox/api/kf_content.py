"""What `kf/send_msg` accepts: one check per message type."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import ApiError
from .call import Body, check_length, object_of, optional_text, text_of

if TYPE_CHECKING:
    from ..platform import Platform

TEXT_BYTES = 2048
MSGID = re.compile(r"[0-9a-zA-Z_-]{1,32}")
MENU_ID = re.compile(r"[A-Za-z0-9_]{1,128}")
MOST_ITEMS = 50
MOST_CLICKABLE = 10


def check_msgid(source: Body) -> str:
    """The caller's own id, or an empty text."""
    msgid = optional_text(source, "msgid")
    if msgid and not MSGID.fullmatch(msgid):
        raise ApiError(40058, "invalid parameter: msgid must be 1-32 of [0-9a-zA-Z_-]")
    return msgid


def check_content(platform: Platform, source: Body) -> tuple[str, Body]:
    """The message type and its cleaned body, or a refusal."""
    msgtype = text_of(source, "msgtype", missing=40008)
    check = CHECKS.get(msgtype)
    if check is None:
        raise ApiError(40008, f"invalid msgtype: {msgtype}")
    return msgtype, check(platform, object_of(source, msgtype))


def cut(text: str, longest: int) -> str:
    """At most `longest` bytes, without half a character."""
    return text.encode()[:longest].decode(errors="ignore")


def _text(platform: Platform, body: Body) -> Body:
    content = text_of(body, "content", missing=44004)
    return {"content": cut(content, TEXT_BYTES)}


def _media(kind: str) -> Callable[[Platform, Body], Body]:
    def check(platform: Platform, body: Body) -> Body:
        media_id = text_of(body, "media_id", missing=41006)
        stored = platform.media.require(media_id, kind, platform.now())
        return {"media_id": media_id, "filename": stored.filename}

    return check


def _thumb(platform: Platform, body: Body) -> str:
    media_id = text_of(body, "thumb_media_id", missing=41006)
    platform.media.require(media_id, "image", platform.now())
    return media_id


def _link(platform: Platform, body: Body) -> Body:
    return {
        "title": text_of(body, "title", longest=128),
        "desc": optional_text(body, "desc", longest=512),
        "url": text_of(body, "url", longest=2048),
        "thumb_media_id": _thumb(platform, body),
    }


def _miniprogram(platform: Platform, body: Body) -> Body:
    pagepath = text_of(body, "pagepath")
    if not pagepath.partition("?")[0].endswith(".html"):
        raise ApiError(40058, "invalid parameter: pagepath must end in .html")
    return {
        "appid": text_of(body, "appid"),
        "title": optional_text(body, "title", longest=64),
        "thumb_media_id": _thumb(platform, body),
        "pagepath": pagepath,
    }


def _location(platform: Platform, body: Body) -> Body:
    place: Body = {}
    for name, bound in (("latitude", 90), ("longitude", 180)):
        value = body.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > bound:
            raise ApiError(40058, f"invalid parameter: {name}")
        place[name] = value
    return {
        **place,
        "name": optional_text(body, "name"),
        "address": optional_text(body, "address"),
    }


def _ca_link(platform: Platform, body: Body) -> Body:
    return {"link_url": text_of(body, "link_url")}


def _menu(platform: Platform, body: Body) -> Body:
    items = body.get("list", [])
    if not isinstance(items, list) or len(items) > MOST_ITEMS:
        raise ApiError(95008, f"too many menu items: at most {MOST_ITEMS}")
    checked = [_menu_item(item) for item in items]
    clickable = sum(item["type"] != "text" for item in checked)
    if clickable > MOST_CLICKABLE:
        raise ApiError(95008, f"too many menu items: at most {MOST_CLICKABLE} to click")
    head = optional_text(body, "head_content", longest=1024)
    tail = optional_text(body, "tail_content", longest=1024)
    if not (head or tail or checked):
        raise ApiError(44004, "empty menu")
    return {"head_content": head, "list": checked, "tail_content": tail}


def _menu_item(item: object) -> Body:
    kind = item.get("type") if isinstance(item, dict) else None
    if not isinstance(item, dict) or kind not in {"click", "view", "miniprogram", "text"}:
        raise ApiError(95009, f"invalid menu item type: {kind}")
    body = object_of(item, kind)
    return {"type": kind, kind: _MENU_BODIES[kind](body)}


def _click(body: Body) -> Body:
    menu_id = optional_text(body, "id")
    if menu_id and not MENU_ID.fullmatch(menu_id):
        raise ApiError(40058, "invalid parameter: menu id must be 1-128 of [A-Za-z0-9_]")
    return {"id": menu_id, "content": text_of(body, "content", longest=128)}


def _view(body: Body) -> Body:
    url = text_of(body, "url", longest=2048)
    return {"url": url, "content": text_of(body, "content", longest=1024)}


def _open_miniprogram(body: Body) -> Body:
    names = ("appid", "pagepath", "content")
    return {name: text_of(body, name) for name in names}


def _menu_text(body: Body) -> Body:
    content = text_of(body, "content")
    check_length("content", content, 256)
    return {"content": content, "no_newline": int(body.get("no_newline", 0) == 1)}


_MENU_BODIES: dict[str, Callable[[Body], Body]] = {
    "click": _click,
    "view": _view,
    "miniprogram": _open_miniprogram,
    "text": _menu_text,
}

CHECKS: dict[str, Callable[[Platform, Body], Body]] = {
    "text": _text,
    "image": _media("image"),
    "voice": _media("voice"),
    "video": _media("video"),
    "file": _media("file"),
    "link": _link,
    "miniprogram": _miniprogram,
    "msgmenu": _menu,
    "location": _location,
    "ca_link": _ca_link,
}
