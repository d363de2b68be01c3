"""WeCom's API: wechatpy's endpoint classes made awaitable on one aiohttp session."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any

import aiohttp
from wechatpy.work.client import WeChatClient

from bot.clock import Clock, as_real
from bot.errors import MendSettings, RetryLater, UnknownOutcome, WeComError
from bot.settings import WeComSettings
from bot.wecom import endpoints
from bot.wecom.answer_times import answer_by
from bot.wecom.contact_ways import ContactWayApi
from bot.wecom.contacts import ContactApi
from bot.wecom.errcodes import (
    BUSY,
    FREQUENCY_LIMIT,
    TOKEN_EXPIRED,
    TOKEN_REJECTED,
    error_for,
)
from bot.wecom.group_chats import GroupChatApi
from bot.wecom.kf import KfApi
from bot.wecom.limits import Limiter
from bot.wecom.mass_sends import MassSendApi
from bot.wecom.media import MediaApi
from bot.wecom.moments import MomentApi
from bot.wecom.tokens import SharedTokens, Token, TokenCache, token_name

_TRIES = 3
_FIRST_WAIT = 0.25
_BLOCKED_SECONDS = 60.0
_LEAST_BLOCKED = 1.0
_TOKEN_SECONDS = 5.0

CallObserver = Callable[[str, str, float], None]


@dataclass(frozen=True, slots=True)
class Call:
    """One API call: `form` is multipart, `body` JSON."""

    method: str
    api: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    form: Callable[[], aiohttp.FormData] | None = None

    @property
    def repeatable(self) -> bool:
        """Whether making the call twice does no more than making it once."""
        return endpoints.is_repeatable(self.method, self.api, self.body)


class WeComClient(WeChatClient):  # type: ignore[misc]  # wechatpy has no types
    """The corp's client. Every endpoint method returns an awaitable of the JSON answer.

    Raises a `WeComError` subclass for each refusal, `UnknownOutcome` when the answer of a call
    that must not be repeated was lost.
    """

    contacts = ContactApi()
    contact_ways = ContactWayApi()
    group_chats = GroupChatApi()
    kf = KfApi()
    mass_sends = MassSendApi()
    media = MediaApi()
    moments = MomentApi()

    def __init__(
        self,
        settings: WeComSettings,
        http: aiohttp.ClientSession,
        *,
        shared: SharedTokens,
        clock: Clock,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        observe: CallObserver = lambda api, outcome, seconds: None,
    ) -> None:
        # wechatpy's own __init__ would open a synchronous session.
        self.corp_id = settings.corp_id
        self.agent_id = settings.agent_id
        self._settings = settings
        self._http_session = http
        self._clock = clock
        self._sleep = sleep
        self._observe = observe
        self._limiter = Limiter(settings.calls_per_minute)
        self._timeout = aiohttp.ClientTimeout(total=settings.timeout_seconds)
        self._tokens = TokenCache(
            token_name(settings.corp_id, settings.secret.get_secret_value()),
            fetch=self._fetch_token,
            shared=shared,
            clock=clock,
        )

    @property
    def access_token(self) -> str:
        # BaseWeChatClient.__new__ looks at every attribute; only this error keeps it quiet.
        raise AttributeError("tokens are fetched by awaiting, never read")

    async def check_token(self) -> None:
        """Raise what stands between us and an access token."""
        await self._tokens.get()

    async def _request(self, method: str, url_or_endpoint: str, **kwargs: Any) -> Any:
        """The one door through which wechatpy's endpoint classes call."""
        call = Call(
            method.upper(),
            url_or_endpoint.removeprefix("/"),
            params=kwargs.get("params") or {},
            body=kwargs.get("data"),
            form=kwargs.get("form"),
        )
        return await self._with_retries(call)

    async def _with_retries(self, call: Call) -> dict[str, Any]:
        wait = _FIRST_WAIT
        for attempt in range(1, _TRIES + 1):
            try:
                return await self._with_token(call)
            except RetryLater as error:
                if attempt == _TRIES or not _worth_repeating(call, error):
                    raise
            await self._sleep(wait * random.uniform(0.7, 1.3))  # noqa: S311  (jitter)
            wait *= 3
        raise AssertionError("unreachable")

    async def _with_token(self, call: Call) -> dict[str, Any]:
        token = await self._token()
        try:
            return await self._once(call, token)
        except WeComError as error:
            if error.errcode not in TOKEN_REJECTED:
                raise
        try:
            return await self._once(call, await self._token(rejected=token))
        except MendSettings as error:
            if error.errcode not in TOKEN_EXPIRED:
                raise
            # The secret gave us this token a moment ago; a third will do, and nothing was done.
            raise RetryLater(
                error.message, errcode=error.errcode, api=call.api, wait_seconds=_TOKEN_SECONDS
            ) from None

    async def _token(self, *, rejected: str | None = None) -> str:
        try:
            return await self._tokens.get(rejected=rejected)
        except UnknownOutcome as error:
            # The call itself was never made, so its outcome is known.
            raise RetryLater(error.message, api=error.api, hint=error.hint) from None

    async def _once(self, call: Call, token: str | None) -> dict[str, Any]:
        await self._limiter.wait(call.api)
        started = monotonic()
        outcome = "ok"
        try:
            return self._accept(call, await self._send(call, token))
        except WeComError as error:
            outcome = str(error.errcode) if error.errcode is not None else "lost"
            raise
        finally:
            self._observe(call.api, outcome, monotonic() - started)

    async def _send(self, call: Call, token: str | None) -> Any:
        params = dict(call.params) | ({"access_token": token} if token else {})
        try:
            async with self._http_session.request(
                call.method,
                self._settings.api_base + call.api,
                params=params,
                data=call.form() if call.form else _encode(call.body),
                headers={} if call.form else {"Content-Type": "application/json; charset=utf-8"},
                timeout=self._timeout,
            ) as response:
                if response.status != 200:
                    raise UnknownOutcome(f"企业微信返回 HTTP {response.status}", api=call.api)
                return json.loads(await response.read())
        except aiohttp.ClientConnectorError:
            raise RetryLater(
                "连不上企业微信接口",
                api=call.api,
                hint="请检查网络、防火墙和 wecom.api_base",
            ) from None
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise UnknownOutcome("没有收到企业微信的回应", api=call.api) from None
        except (ValueError, RecursionError):
            raise UnknownOutcome("企业微信的回应不是 JSON", api=call.api) from None

    def _accept(self, call: Call, answer: Any) -> dict[str, Any]:
        if not isinstance(answer, dict):
            raise UnknownOutcome("企业微信的回应不是一个对象", api=call.api)
        code = _errcode(answer)
        if code == 0:
            return answer_by(self._clock, answer)
        if code == FREQUENCY_LIMIT:
            racing = as_real(self._clock, timedelta(seconds=1)).total_seconds()
            self._limiter.block(call.api, max(_LEAST_BLOCKED, _BLOCKED_SECONDS / racing))
        if code in BUSY and not call.repeatable:
            raise UnknownOutcome("企业微信繁忙，不确定是否已执行", errcode=code, api=call.api)
        raise error_for(code, api=call.api)

    async def _fetch_token(self) -> Token:
        secret = self._settings.secret.get_secret_value()
        if not self.corp_id or not secret:
            raise MendSettings("还没有设置 wecom.corp_id 或 wecom.secret", api="gettoken")
        call = Call("GET", "gettoken", params={"corpid": self.corp_id, "corpsecret": secret})
        answer = await self._once(call, None)
        try:
            value, seconds = answer["access_token"], int(answer.get("expires_in") or 7200)
        except (KeyError, TypeError, ValueError):
            value, seconds = None, 0
        if not value or not isinstance(value, str):
            raise UnknownOutcome("企业微信的回应里没有 access_token", api=call.api)
        lives = as_real(self._clock, timedelta(seconds=seconds))
        return Token(value, self._clock.now() + lives)


def _worth_repeating(call: Call, error: RetryLater) -> bool:
    if error.wait_seconds is not None:
        return False
    never_sent = not isinstance(error, UnknownOutcome) and error.errcode is None
    return call.repeatable or never_sent


def _encode(body: Mapping[str, Any] | None) -> bytes | None:
    # WeCom: raw UTF-8, no \uXXXX escapes (40033).
    return None if body is None else json.dumps(body, ensure_ascii=False).encode()


def _errcode(answer: Mapping[str, Any]) -> int:
    code = answer.get("errcode")
    try:
        return 0 if code is None else int(code)
    except (TypeError, ValueError, OverflowError):
        return -1
