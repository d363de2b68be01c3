"""A small WeCom of the tests' own: it speaks HTTP only and knows nothing of the product."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from ports import free_port

from e2e import envelope
from e2e.envelope import Credentials, Push

_HANG = 30.0
_ESCAPED = re.compile(rb"(?<!\\)(?:\\\\)*\\u")


@dataclass(frozen=True, slots=True)
class Call:
    """One API call as it arrived, with the errcode that it was answered."""

    api: str
    body: dict[str, Any]
    token: str
    errcode: int
    at: float


@dataclass(slots=True)
class Fault:
    """What goes wrong with the next calls of one API that `applies` to.

    `works` says that the platform does the work before it fails to say so. `how` is an errcode or
    one of "close", "hang", "http500", "html".
    """

    api: str
    how: int | str
    works: bool = False
    times: int = 1
    applies: Callable[[dict[str, Any]], bool] = lambda body: True


@dataclass(slots=True)
class Account:
    """A kf account: everything that was said, and the msgids that were used up.

    A pull gets at most `page` rows, after `empty_pages` pages that hold nothing.
    """

    open_kfid: str
    page: int = 1000
    empty_pages: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    push_token: str = field(default_factory=lambda: f"ENC{secrets.token_hex(16)}")


class Platform:
    """The state of one corp, its API on localhost and the pushes that it makes."""

    def __init__(self) -> None:
        self.credentials = Credentials(
            corp_id=f"ww{secrets.token_hex(8)}",
            secret=secrets.token_urlsafe(32).replace("-", "x").replace("_", "y"),
            token=secrets.token_hex(12),
            aes_key=_aes_key(),
        )
        self.accounts: dict[str, Account] = {}
        self.calls: list[Call] = []
        self.sent: list[dict[str, Any]] = []
        self.faults: list[Fault] = []
        self.issued: list[str] = []
        self.revoked: dict[str, int] = {}
        self.more: dict[str, Callable[[dict[str, str], dict[str, Any]], dict[str, Any]]] = {}
        self.delay = 0.0
        self.profiles = True
        self._ids = itertools.count(1)
        self._port = free_port()

    # What happens on the platform.

    def says(self, who: str, text: str, *, to: str = "wk_shop", **changes: Any) -> str:
        """A customer writes a line; returns its msgid. Nobody is told yet."""
        return self.arrives(
            to, msgtype="text", text={"content": text}, external_userid=who, **changes
        )

    def arrives(self, to: str, **row: Any) -> str:
        """A row of any kind in an account."""
        message = {
            "msgid": f"m{next(self._ids)}_{secrets.token_hex(5)}",
            "open_kfid": to,
            "send_time": int(time.time()),
            "origin": 3,
            **row,
        }
        self.account(to).rows.append(message)
        return str(message["msgid"])

    def event(self, to: str, event_type: str, **body: Any) -> str:
        """A row that is an event: its ids are inside it and not at the top."""
        event = {"event_type": event_type, "open_kfid": to, **body}
        return self.account_row(to, {"msgtype": "event", "origin": 4, "event": event})

    def account_row(self, to: str, row: dict[str, Any]) -> str:
        """A row exactly as given, but for its msgid and time."""
        made = {"msgid": f"e{next(self._ids)}_{secrets.token_hex(5)}", **row}
        self.account(to).rows.append({"send_time": int(time.time()), **made})
        return str(made["msgid"])

    def account(self, open_kfid: str) -> Account:
        return self.accounts.setdefault(open_kfid, Account(open_kfid))

    def notice(self, open_kfid: str = "wk_shop") -> Push:
        """The push that says "pull this account"."""
        xml = envelope.kf_notice(
            self.credentials,
            open_kfid,
            self.account(open_kfid).push_token,
            at=int(time.time()),
        )
        return envelope.pushed(xml, self.credentials)

    def fails(self, api: str, how: int | str, **more: Any) -> Fault:
        fault = Fault(api, how, **more)
        self.faults.append(fault)
        return fault

    def fails_for(self, who: str, how: int | str, **more: Any) -> Fault:
        """The next send to one customer goes wrong."""
        return self.fails(
            "kf/send_msg", how, applies=lambda body: body.get("touser") == who, **more
        )

    def revoke(self, errcode: int = 42001) -> None:
        """The token in use is refused from now on; `gettoken` gives another."""
        for token in self.issued:
            self.revoked.setdefault(token, errcode)

    # What tests ask afterwards.

    def got(self, who: str) -> list[str]:
        """The texts that really reached a customer."""
        return [
            message["text"]["content"]
            for message in list(self.sent)
            if message["touser"] == who and message["msgtype"] == "text"
        ]

    def calls_of(self, api: str, who: str | None = None) -> list[Call]:
        return [
            call
            for call in list(self.calls)
            if call.api == api and who in (None, call.body.get("touser"))
        ]

    # The API.

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._port}/cgi-bin/"

    @contextlib.contextmanager
    def serving(self) -> Iterator[Platform]:
        """Listen, in a thread of its own; before and after, connections are refused."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="wecom", daemon=True)
        thread.start()
        runner = asyncio.run_coroutine_threadsafe(self._start(), loop).result(10)
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(_close(runner), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()

    async def _start(self) -> web.AppRunner:
        app = web.Application(client_max_size=32 * 2**20)
        app.router.add_route("*", "/cgi-bin/{api:.+}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port).start()
        return runner

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        api = request.match_info["api"]
        raw = await request.read()
        body = _parsed(raw) if request.content_type == "application/json" else {}
        if self.delay:
            await asyncio.sleep(self.delay)
        fault = self._fault(api, body)
        if fault is None or fault.works:
            answer = self._answer(api, request, raw, body)
        elif isinstance(fault.how, int):
            answer = _refusal(fault.how)
        else:
            answer = _refusal(-1)
        if fault is not None and isinstance(fault.how, int):
            answer = _refusal(fault.how)
        token = request.query.get("access_token", "")
        self.calls.append(Call(api, body, token, answer.get("errcode", 0), time.monotonic()))
        return await _reply(request, answer, fault)

    def _fault(self, api: str, body: dict[str, Any]) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.api == api and fault.applies(body):
                fault.times -= 1
                return fault
        return None

    def _answer(
        self, api: str, request: web.Request, raw: bytes, body: dict[str, Any]
    ) -> dict[str, Any]:
        if api == "gettoken":
            return self._gettoken(request)
        if refusal := self._token_refused(request):
            return refusal
        if _ESCAPED.search(raw):
            return _refusal(40033)
        if api in self.more:
            return self.more[api](dict(request.query), body)
        handler = {
            "kf/sync_msg": self._sync_msg,
            "kf/send_msg": self._send_msg,
            "kf/account/list": self._accounts,
            "kf/customer/batchget": self._customers,
        }.get(api)
        if handler is None:
            return _refusal(40066)
        return _refusal(40058) if request.method != "POST" else handler(body)

    def _gettoken(self, request: web.Request) -> dict[str, Any]:
        if request.query.get("corpid") != self.credentials.corp_id:
            return _refusal(40013)
        if request.query.get("corpsecret") != self.credentials.secret:
            return _refusal(40001)
        if not self.issued or self.issued[-1] in self.revoked:
            self.issued.append(secrets.token_urlsafe(48))
        return _ok(access_token=self.issued[-1], expires_in=7200)

    def _token_refused(self, request: web.Request) -> dict[str, Any] | None:
        token = request.query.get("access_token")
        if token is None:
            return _refusal(41001)
        if token not in self.issued:
            return _refusal(40014)
        return _refusal(self.revoked[token]) if token in self.revoked else None

    def _sync_msg(self, body: dict[str, Any]) -> dict[str, Any]:
        """Cursors count the steps: first the empty pages, then the rows, page by page."""
        account = self.accounts.get(body.get("open_kfid", ""))
        if account is None or not 0 < body.get("limit", 1000) <= 1000:
            return _refusal(40058)
        if body.get("token", account.push_token) != account.push_token:
            return _refusal(95007)
        row, empty = _place(body.get("cursor") or "")
        if row < 0 or row > len(account.rows):
            return _refusal(50100)
        if empty < account.empty_pages and row < len(account.rows):
            return _ok(next_cursor=f"c{row}.{empty + 1}", has_more=1, msg_list=[])
        rows = account.rows[row : row + min(account.page, body.get("limit", 1000))]
        row += len(rows)
        more = row < len(account.rows)
        return _ok(next_cursor=f"c{row}.0", has_more=int(more), msg_list=rows)

    def _send_msg(self, body: dict[str, Any]) -> dict[str, Any]:
        account = self.accounts.get(body.get("open_kfid", ""))
        if account is None or not body.get("touser") or body.get("msgtype") not in body:
            return _refusal(40058)
        msgid = body.get("msgid") or secrets.token_hex(16)
        if len(msgid) > 32:
            return _refusal(40058)
        if msgid in account.used:
            return _refusal(95033)
        account.used.add(msgid)
        self.sent.append({**body, "msgid": msgid})
        return _ok(msgid=msgid)

    def _accounts(self, body: dict[str, Any]) -> dict[str, Any]:
        rows = [
            {"open_kfid": open_kfid, "name": "门店客服", "avatar": "", "manage_privilege": True}
            for open_kfid in self.accounts
        ]
        start = body.get("offset", 0)
        return _ok(account_list=rows[start : start + body.get("limit", 100)])

    def _customers(self, body: dict[str, Any]) -> dict[str, Any]:
        if not self.profiles:
            return _refusal(48002)
        rows = [
            {"external_userid": who, "nickname": f"客户{who[-4:]}", "avatar": "", "gender": 0}
            for who in body["external_userid_list"]
        ]
        return _ok(customer_list=rows, invalid_external_userid=[])


async def _close(runner: web.AppRunner) -> None:
    """End what still hangs, too."""
    await runner.cleanup()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _reply(
    request: web.Request, answer: dict[str, Any], fault: Fault | None
) -> web.StreamResponse:
    how = fault.how if fault else 0
    if how == "hang":
        await asyncio.sleep(_HANG)
    if how in ("hang", "close"):
        if request.transport is not None:  # else who called has died
            request.transport.abort()
        return web.Response()
    if how == "http500":
        return web.Response(status=500, text="Internal Server Error")
    if how == "html":
        return web.Response(text="<html><body>网关繁忙</body></html>", content_type="text/html")
    return web.json_response(answer, dumps=_dumps)


def _parsed(raw: bytes) -> dict[str, Any]:
    value = json.loads(raw) if raw else {}
    assert isinstance(value, dict)
    return value


def _dumps(value: object) -> str:
    """Raw UTF-8 as WeCom sends it; half of an emoji can only be written as an escape."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def _place(cursor: str) -> tuple[int, int]:
    if not cursor:
        return 0, 0
    row, dot, empty = cursor.removeprefix("c").partition(".")
    return (int(row), int(empty)) if dot and row.isdigit() and empty.isdigit() else (-1, 0)


def _ok(**values: Any) -> dict[str, Any]:
    return {"errcode": 0, "errmsg": "ok", **values}


def _refusal(code: int) -> dict[str, Any]:
    hint = f"hint: [{int(time.time())}_1_{secrets.token_hex(16)}], from ip: 127.0.0.1"
    return {"errcode": code, "errmsg": f"refused, {hint}, more info at devtool/query?e={code}"}


def _aes_key() -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(secrets.choice(alphabet) for _ in range(43))
