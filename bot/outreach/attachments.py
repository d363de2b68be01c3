"""Parts of a text as attachments of mass sends and moments."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.clock import Clock
from bot.delivery.media import MediaLibrary, found_below
from bot.delivery.uploads import Uploads
from bot.errors import GiveUp
from bot.store.database import Database
from bot.wecom.client import WeComClient

Attachment = dict[str, Any]
_MOMENT = "moment"
_MOST_BYTES = 10 * 2**20


def _is_address(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def text_of(parts: Sequence[Mapping[str, Any]]) -> str:
    """The words; a picture or link that cannot be attached is named by its address."""
    texts = [str(part["text"]) for part in parts if "text" in part]
    return "\n".join(texts)


async def mass_send_attachments(
    parts: Sequence[Mapping[str, Any]], media: MediaLibrary
) -> list[Attachment]:
    """Attachments of `add_msg_template`; uploads what is a file."""
    found: list[Attachment] = []
    for part in parts:
        if "image" in part:
            found.append({"msgtype": "image", "image": await _picture(part["image"], media)})
        elif "file" in part:
            media_id = await media.media_id("file", part["file"])
            found.append({"msgtype": "file", "file": {"media_id": media_id}})
        elif "link" in part:
            found.append({"msgtype": "link", "link": _link(part["link"])})
        elif "miniprogram" in part:
            found.append(await _miniprogram(part["miniprogram"], media))
    return found


async def _picture(source: str, media: MediaLibrary) -> dict[str, str]:
    if _is_address(source):
        return {"pic_url": source}
    return {"media_id": await media.media_id("image", source)}


def _link(link: Mapping[str, Any]) -> dict[str, str]:
    body = {"title": link["title"], "url": link["url"], "desc": link.get("desc") or ""}
    image = link.get("image") or ""
    return body | ({"picurl": image} if _is_address(image) else {})


async def _miniprogram(program: Mapping[str, Any], media: MediaLibrary) -> Attachment:
    if not program.get("image"):
        raise GiveUp(f"小程序「{program['title']}」缺少封面图 image，企业微信不接受")
    body = {
        "title": program["title"],
        "appid": program["appid"],
        "page": program["page"],
        "pic_media_id": await media.media_id("image", program["image"]),
    }
    return {"msgtype": "miniprogram", "miniprogram": body}


class MomentMedia:
    """Pictures of posts. WeCom takes only those of `upload_attachment`, for three days."""

    def __init__(
        self,
        database: Database,
        client: WeComClient,
        clock: Clock,
        *,
        root: Path,
        more: Sequence[Path] = (),
    ) -> None:
        self._client = client
        self._uploads = Uploads(database, clock)
        self._roots = (root, *more)

    async def content(self, parts: Sequence[Mapping[str, Any]]) -> tuple[str, list[Attachment]]:
        """Words and attachments. WeCom: pictures or one link, not both; a link needs a picture.

        A link that cannot be attached goes into the words.
        """
        text = text_of(parts)
        pictures = [part["image"] for part in parts if "image" in part]
        links = [part["link"] for part in parts if "link" in part]
        if pictures or not links or not links[0].get("image"):
            lines = [f"{link['title']}\n{link['url']}" for link in links]
            return "\n\n".join(filter(None, (text, *lines))), [
                {"msgtype": "image", "image": {"media_id": await self._media_id(one)}}
                for one in pictures[:9]
            ]
        link = links[0]
        body = {
            "title": link["title"][:64],
            "url": link["url"],
            "media_id": await self._media_id(link["image"]),
        }
        return text, [{"msgtype": "link", "link": body}]

    async def _media_id(self, source: str) -> str:
        content = await asyncio.to_thread(self._read, source)
        return await self._uploads.media_id(
            _MOMENT,
            content,
            lambda: self._client.moments.upload(filename=Path(source).name, content=content),
        )

    def _read(self, source: str) -> bytes:
        path = next(filter(None, (found_below(root, source) for root in self._roots)), None)
        if path is None:
            raise GiveUp(f"朋友圈的图片不存在：{source}；请放到旅程目录下")
        if path.stat().st_size > _MOST_BYTES:
            raise GiveUp(f"朋友圈的图片太大：{source}（上限 10 MB）")
        return path.read_bytes()
