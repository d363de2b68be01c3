"""Pictures that the platform serves: the codes that people scan, and links that they open."""

from __future__ import annotations

import io
from urllib.parse import quote

from aiohttp import web

from .keys import PLATFORM
from .links import find_link


async def code_picture(request: web.Request) -> web.Response:
    """The picture behind `qr_code` of a contact way or of a group's join way."""
    config_id, store = request.match_info["config_id"], request.app[PLATFORM].store
    for table, act in (("contact_ways", "scan"), ("join_ways", "join")):
        sql = f"SELECT 1 FROM {table} WHERE config_id = ?"  # noqa: S608
        if store.value(sql, config_id) is not None:
            address = f"{request.url.origin()}/?{act}={quote(config_id)}"
            return web.Response(body=drawn(address), content_type="image/png")
    raise web.HTTPNotFound(text="没有这个活码，可能已被删除")


async def open_link(request: web.Request) -> web.Response:
    """An acquisition link in a browser: the page lets somebody new come by it."""
    link_id = request.match_info["link_id"]
    if find_link(request.app[PLATFORM], link_id) is None:
        raise web.HTTPNotFound(text="没有这个获客链接，可能已被删除")
    channel = quote(request.query.get("customer_channel", "")[:64], safe="")
    raise web.HTTPFound(f"/?link={quote(link_id)}&customer_channel={channel}")


def drawn(content: str) -> bytes:
    """A QR code as PNG."""
    try:
        import segno
    except ImportError:
        raise web.HTTPNotFound(text="画活码需要另外安装：pip install segno") from None
    out = io.BytesIO()
    segno.make(content, error="m", micro=False).save(out, kind="png", scale=8, border=4)
    return out.getvalue()


def routes() -> list[web.RouteDef]:
    """All of them."""
    return [
        web.get("/wwpic/{config_id}/0", code_picture),
        web.get("/ca/{link_id}", open_link),
    ]
