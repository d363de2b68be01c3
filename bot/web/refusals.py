"""Errors as answers: JSON for programs, a page for people, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from html import escape

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from bot import loggers
from bot.errors import BadRequest, BotError, StoreError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into an answer that says what to do."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _answer(request, error.status, *_spoken(error), headers=_allow(error))
    except web.RequestPayloadError:
        return _answer(request, 400, BadRequest.code, "请求体读不完整或压缩格式不对")
    except BotError as error:
        return _answer(request, error.status, error.code, error.message, error.details)
    except (SQLAlchemyError, OSError) as error:
        loggers.web.error("the database did not answer", path=request.path, exc_info=error)
        return _answer(request, 503, StoreError.code, "数据库暂时不可用，请稍后重试")
    except Exception as error:  # noqa: BLE001, RUF100  (the last line of defence)
        loggers.web.error("a page broke", path=request.path, exc_info=error)
        return _answer(request, 500, "internal", "程序出错了，已记入日志；请稍后重试")


def _spoken(error: web.HTTPException) -> tuple[str, str]:
    words = {
        404: ("not_found", "没有这个地址"),
        405: ("method_not_allowed", "这个地址不支持该请求方式"),
        413: ("too_large", "内容太大了"),
    }
    return words.get(error.status, ("http_error", error.reason))


def _allow(error: web.HTTPException) -> dict[str, str]:
    allow = error.headers.get("Allow")
    return {"Allow": allow} if allow else {}


def _answer(
    request: web.Request,
    status: int,
    code: str,
    message: str,
    details: dict[str, object] | None = None,
    *,
    headers: dict[str, str] | None = None,
) -> web.Response:
    if request.path.startswith(("/console", "/sidebar")):
        return web.Response(
            status=status, text=_page(status, message), content_type="text/html", headers=headers
        )
    body = {"error": {"code": code, "message": message, "details": details or {}}}
    return web.Response(
        status=status,
        text=json.dumps(body, ensure_ascii=False, default=str),
        content_type="application/json",
        headers=headers,
    )


def _page(status: int, message: str) -> str:
    return (
        "<!doctype html><html lang=zh-CN><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width">'
        "<link rel=stylesheet href=/console/static/console.css>"
        f"<title>{status}</title><main class=refusal role=alert><h1>{escape(message)}</h1>"
        "<p><a href=/console/inbox>回到工作台</a></p></main></html>"
    )
