"""`/cgi-bin/` over HTTP: reads the request, asks the platform, writes the answer."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any
from urllib.parse import quote

from aiohttp import BodyPartReader, web

from .api import answer
from .api.call import Answer, Call, Upload
from .api.dispatch import masked, refuse
from .errors import ApiError
from .faults import Fault
from .journal import Line
from .keys import CLOSING, PLATFORM
from .media import MediaFile
from .platform import Platform
from .wording import call_in_words

_ESCAPED = re.compile(rb"(?<!\\)(?:\\\\)*\\u(?!00[0-7])[0-9a-fA-F]{4}")
# A repeated msgid is the platform keeping the customer from getting it twice.
HARMLESS = frozenset({0, 95033})
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


async def serve_call(request: web.Request) -> web.StreamResponse:
    """Any path below `/cgi-bin/`."""
    platform = request.app[PLATFORM]
    began = time.monotonic()
    call = Call(request.match_info["api"].strip("/"), request.method, dict(request.query))
    try:
        call = await _read(request, call)
        outcome = answer(platform, call)
        reply, lost = outcome.answer, outcome.lost
    except ApiError as error:
        reply, lost = refuse(platform, call, error), None
    elapsed = round((time.monotonic() - began) * 1000)
    _note(platform, call, reply, lost, elapsed)
    if lost is not None:
        await _lose(request, lost)
    return _respond(request, reply)


async def _read(request: web.Request, call: Call) -> Call:
    ip = request.remote or "127.0.0.1"
    body: dict[str, Any] = {}
    upload = None
    if request.content_type.startswith("multipart/"):
        upload = await _upload(request)
    elif request.method == "POST":
        body = _json(await request.read())
    return Call(call.api, call.method, call.query, body, upload, ip, str(request.url.origin()))


def _json(raw: bytes) -> dict[str, Any]:
    if not raw.strip():
        return {}
    if _ESCAPED.search(raw):
        raise ApiError(40033, r"invalid characters: write Chinese as UTF-8, not as \uxxxx")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise ApiError(40058, "invalid parameter: Warning: wrong json format.") from error
    if not isinstance(body, dict):
        raise ApiError(40058, "invalid parameter: Warning: wrong json format.")
    return body


async def _upload(request: web.Request) -> Upload | None:
    try:
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader) and part.filename:
                kind = part.headers.get("Content-Type", "application/octet-stream")
                return Upload(part.filename, kind, bytes(await part.read()))
    except ValueError as error:
        raise ApiError(44001, "empty media data: malformed multipart body") from error
    return None


def _note(platform: Platform, call: Call, reply: Answer, lost: Fault | None, elapsed: int) -> None:
    shown = reply if isinstance(reply, dict) else {"errcode": 0, "media": reply.filename}
    zh, en = call_in_words(platform, call.api, call.body, shown)
    if lost is not None:
        zh, en = f"{zh}（已照办，但应答没有送到）", f"{en} (done, but the answer was lost)"
    platform.journal.note(
        Line.CALL,
        zh,
        en,
        ok=shown.get("errcode", 0) in HARMLESS and lost is None,
        milliseconds=elapsed,
        raw=_raw(call, shown),
    )


def _raw(call: Call, shown: dict[str, Any]) -> str:
    sent = {name: value for name, value in masked(call.query).items() if value != "***"}
    reply = {**shown, "access_token": "***"} if "access_token" in shown else shown
    lines = [f"{call.method} /cgi-bin/{call.api} {sent or ''}".strip()]
    if call.body:
        lines.append(_pretty(call.body))
    return "\n".join([*lines, "", "应答 / Answer:", _pretty(reply)])[:6000]


def _pretty(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


async def _lose(request: web.Request, lost: Fault) -> None:
    if lost is Fault.HANG:
        seconds = request.app[PLATFORM].settings.hang_seconds
        try:
            await asyncio.wait_for(request.app[CLOSING].wait(), seconds)
        except TimeoutError:
            pass
    if request.transport is not None:
        request.transport.abort()


def _respond(request: web.Request, reply: Answer) -> web.Response:
    if isinstance(reply, MediaFile):
        return _file(request, reply)
    hidden = {name: value for name, value in reply.items() if not name.startswith("_")}
    return web.json_response(hidden, dumps=lambda v: json.dumps(v, ensure_ascii=False))


def _file(request: web.Request, stored: MediaFile) -> web.Response:
    name = quote(stored.filename)
    headers = {"Content-Disposition": f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}"}
    headers["Content-Type"] = stored.content_type
    wanted = _RANGE.fullmatch(request.headers.get("Range", ""))
    if wanted is None:
        return web.Response(body=stored.data, headers=headers)
    first, size = int(wanted[1]), len(stored.data)
    last = min(int(wanted[2] or size - 1), size - 1)
    if first > last:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return web.Response(status=206, body=stored.data[first : last + 1], headers=headers)
