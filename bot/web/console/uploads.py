"""Files that operators put into greetings: kept on disk, found again by their content."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from aiohttp import StreamReader, web

from bot.errors import NotFound, Unprocessable
from bot.web.keys import MEDIA

UPLOADS = "/console/uploads"
_MB = 2**20
_MOST = {"image": 10 * _MB, "video": 10 * _MB, "file": 20 * _MB}
_LEAST_BYTES = 6  # WeCom refuses media of five bytes and less
_PIECE = 256 * 1024
_UNSAFE = re.compile(r"[^\w.\-（）()]+")
_PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class Uploads:
    """The folder of what was uploaded; the library of media looks into it, too."""

    folder: Path

    async def keep(self, kind: str, name: str, body: StreamReader) -> str:
        """Write a file down; gives its name for an attachment. Raises `Unprocessable`."""
        if kind not in _MOST:
            raise Unprocessable("只能上传图片、视频和文件")
        clean = _UNSAFE.sub("_", Path(name.replace("\\", "/")).name).strip("._")[-80:]
        await asyncio.to_thread(self.folder.mkdir, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".part-") as part:
            digest, head = await _copied(body, part, most=_MOST[kind])
            suffix = _checked(kind, head, clean)
            source = f"{digest[:16]}/{clean if '.' in clean else clean + suffix}"
            await asyncio.to_thread(self._settle, Path(part.name), self.folder / source)
        return source

    def _settle(self, part: Path, place: Path) -> None:
        place.parent.mkdir(exist_ok=True)
        if not place.exists():
            os.link(part, place)


async def _copied(body: StreamReader, part: IO[bytes], *, most: int) -> tuple[str, bytes]:
    digest, head, size = hashlib.sha256(), b"", 0
    async for piece in body.iter_chunked(_PIECE):
        size += len(piece)
        if size > most:
            raise Unprocessable(f"文件太大：企业微信最多收 {most // _MB} MB")
        head = head or piece[:32]
        digest.update(piece)
        await asyncio.to_thread(part.write, piece)
    if size < _LEAST_BYTES:
        raise Unprocessable("文件是空的，请换一个")
    await asyncio.to_thread(part.flush)
    return digest.hexdigest(), head


def _checked(kind: str, head: bytes, name: str) -> str:
    """The suffix of what this is; raises `Unprocessable` when WeCom would not take it."""
    if kind == "image":
        found = _picture_type(head)
        if not found:
            raise Unprocessable("图片只支持 PNG 和 JPG，请换一张")
        return ".png" if found == "image/png" else ".jpg"
    if kind == "video":
        if head[4:8] != b"ftyp":
            raise Unprocessable("视频只支持 MP4，请换一个")
        return ".mp4"
    if "." not in name:
        raise Unprocessable("文件名要带后缀，例如 尺码表.pdf")
    return ""


def _picture_type(head: bytes) -> str:
    return next((kind for mark, kind in _PICTURES.items() if head.startswith(mark)), "")


SHELF = web.AppKey("console_uploads", Uploads)


async def upload(request: web.Request) -> web.Response:
    """Keep the request's body: `?kind=image&name=…`."""
    kind, name = request.query.get("kind", ""), request.query.get("name", "")
    source = await request.app[SHELF].keep(kind, name, request.content)
    return web.json_response({"source": source})


async def picture(request: web.Request) -> web.Response:
    """A picture to look at before it is sent: `?source=…`."""
    source = request.query.get("source", "")[:300]
    data = await asyncio.to_thread(_seen, request.app[MEDIA].find(source))
    if not (kind := _picture_type(data)):
        raise NotFound("没有这张图片")
    headers = {"Cache-Control": "private, max-age=3600"}
    return web.Response(body=data, content_type=kind, headers=headers)


def _seen(path: Path | None) -> bytes:
    if path is None or path.stat().st_size > _MOST["image"]:
        return b""
    return path.read_bytes()


ROUTES = (web.post(UPLOADS, upload), web.get(UPLOADS, picture))
