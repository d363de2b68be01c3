"""Parts of a script as bodies of `kf/send_msg`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.delivery.media import MediaLibrary
from bot.errors import GiveUp

MAX_TEXT_BYTES = 2048


async def kf_body(part: Mapping[str, Any], media: MediaLibrary) -> dict[str, Any]:
    """The `msgtype` and its body for one part; uploads what it refers to.

    WeCom: a link without a thumbnail is not accepted, so it goes out as text.
    """
    if "text" in part:
        return {"msgtype": "text", "text": {"content": part["text"]}}
    if "image" in part:
        return await _file("image", part["image"], media)
    if "file" in part:
        return await _file("file", part["file"], media)
    if "link" in part:
        return await _link(part["link"], media)
    if "miniprogram" in part:
        return await _miniprogram(part["miniprogram"], media)
    raise GiveUp(f"不认识的话术内容：{'、'.join(part)}")


async def _file(kind: str, source: str, media: MediaLibrary) -> dict[str, Any]:
    if source.startswith(("http://", "https://")):
        return {"msgtype": "text", "text": {"content": source}}
    return {"msgtype": kind, kind: {"media_id": await media.media_id(kind, source)}}


async def _link(link: Mapping[str, Any], media: MediaLibrary) -> dict[str, Any]:
    if not link.get("image"):
        return {"msgtype": "text", "text": {"content": f"{link['title']}\n{link['url']}"}}
    body = {
        "title": link["title"],
        "desc": link.get("desc") or "",
        "url": link["url"],
        "thumb_media_id": await media.media_id("image", link["image"]),
    }
    return {"msgtype": "link", "link": body}


async def _miniprogram(program: Mapping[str, Any], media: MediaLibrary) -> dict[str, Any]:
    if not program.get("image"):
        raise GiveUp(f"小程序「{program['title']}」缺少封面图 image，企业微信不接受")
    body = {
        "appid": program["appid"],
        "title": program["title"],
        "pagepath": program["page"],
        "thumb_media_id": await media.media_id("image", program["image"]),
    }
    return {"msgtype": "miniprogram", "miniprogram": body}
