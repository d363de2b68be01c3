"""Uploading and downloading media."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ApiError
from ..media import PERMANENT
from .call import Answer, Call, Upload, get, post

if TYPE_CHECKING:
    from ..platform import Platform

PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


def upload(platform: Platform, call: Call) -> Answer:
    """A file for messages; `created_at` is a text here."""
    kind, part = call.query.get("type", ""), _part(call)
    _check_picture(kind, part)
    stored = platform.media.add(
        kind,
        part.data,
        filename=part.filename,
        content_type=part.content_type,
        now=platform.now(),
    )
    return {"type": kind, "media_id": stored.media_id, "created_at": str(stored.created_at)}


def upload_attachment(platform: Platform, call: Call) -> Answer:
    """A file for moments or the product album; `created_at` is a number here."""
    kind, part = call.query.get("media_type", ""), _part(call)
    if call.query.get("attachment_type") not in {"1", "2"}:
        raise ApiError(40058, "invalid parameter: attachment_type must be 1 or 2")
    if kind == "voice":
        raise ApiError(40005, "invalid media_type")
    _check_picture(kind, part)
    stored = platform.media.add(
        kind,
        part.data,
        filename=part.filename,
        content_type=part.content_type,
        now=platform.now(),
        purpose="attachment",
    )
    return {"type": kind, "media_id": stored.media_id, "created_at": stored.created_at}


def upload_picture(platform: Platform, call: Call) -> Answer:
    """A picture with a lasting address."""
    part = _part(call)
    _check_picture("image", part)
    stored = platform.media.add(
        "image",
        part.data,
        filename=part.filename,
        content_type=part.content_type,
        now=platform.now(),
        purpose=PERMANENT,
    )
    return {"url": f"https://wework.qpic.cn/wwpic/{stored.media_id}/0"}


def download(platform: Platform, call: Call) -> Answer:
    """The file itself; a refusal is JSON."""
    media_id = call.query.get("media_id", "")
    if not media_id:
        raise ApiError(41006, "media_id missing")
    return platform.media.get(media_id, platform.now())


def _part(call: Call) -> Upload:
    if call.upload is None:
        raise ApiError(44001, "empty media data: expected a multipart part named media")
    return call.upload


def _check_picture(kind: str, part: Upload) -> None:
    if kind == "image" and part.data and not part.data.startswith(PICTURES):
        raise ApiError(40004, "invalid file type: a picture must be jpg or png")


ROUTES = {
    "media/upload": post(upload),
    "media/upload_attachment": post(upload_attachment),
    "media/uploadimg": post(upload_picture),
    "media/get": get(download),
}
