"""Carries pushes to the callback: signed, encrypted, at most three attempts."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Coroutine
from dataclasses import dataclass

import aiohttp

from .crypto import Envelope, Sealed
from .faults import Fault
from .journal import Line
from .platform import Platform
from .pushes import Push, envelope_xml

ATTEMPTS = 3
VERIFY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """How the callback answered; status 0 means that it did not."""

    status: int
    text: str
    milliseconds: int


class CallbackSender:
    """Listens to the platform and posts each push in a task of its own."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._settings = platform.settings
        self._envelope = Envelope(
            self._settings.token, self._settings.encoding_aes_key, self._settings.corp_id
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[asyncio.Event] = []
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connection pool and begin to listen; without an address nothing is posted."""
        timeout = aiohttp.ClientTimeout(total=self._settings.callback_timeout_seconds)
        self._session = aiohttp.ClientSession(
            timeout=timeout, connector=aiohttp.TCPConnector(limit=32)
        )
        if self._settings.callback_url:
            self._platform.push_listeners.append(self.post)

    async def stop(self) -> None:
        """Stop listening; what was under way is lost, as it may be on a real platform."""
        if self._settings.callback_url:
            self._platform.push_listeners.remove(self.post)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def idle(self) -> None:
        """Wait until everything under way has been delivered or given up."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def post(self, push: Push) -> None:
        """Send one push, as the faults of the moment will have it."""
        faults = self._platform.faults
        if faults.take(Fault.DROP):
            self._platform.journal.note(
                Line.FAULT,
                f"故障「推送丢失」：第 {push.number} 号通知没有送出",
                f"Fault 'dropped': notice {push.number} was not sent",
                ok=False,
            )
            return
        duplicate = faults.take(Fault.DUPLICATE)
        delay = faults.take(Fault.DELAY)
        held = faults.take(Fault.REORDER)
        copies = int(duplicate.amount) if duplicate else 1
        release = asyncio.Event() if held else None
        waiting, self._held = self._held, [release] if release else []
        for copy in range(copies):
            self._start(
                self._carry(
                    push,
                    copy=copy + 1 if copies > 1 else 0,
                    delay=delay.amount if delay else 0,
                    held=(release, held.amount) if release and held else None,
                    then=waiting if copy == 0 else [],
                )
            )

    async def verify(self) -> Attempt:
        """Ask the callback to prove that it knows the keys, as the admin console does."""
        expected = str(secrets.randbelow(10**18))
        sealed = self._seal(expected)
        query = {**sealed.query(), "echostr": sealed.encrypted}
        attempt = await self._request("GET", query, None, VERIFY_SECONDS)
        passed = attempt.status == 200 and attempt.text == expected
        self._platform.journal.note(
            Line.PUSH,
            "企业微信 → 机器人：验证回调地址，" + ("通过" if passed else "没有通过"),
            "WeCom → bot: callback verification " + ("passed" if passed else "failed"),
            ok=passed,
            milliseconds=attempt.milliseconds,
            raw=f"HTTP {attempt.status or '无应答'}\n{attempt.text[:500]}",
        )
        return attempt if passed else Attempt(0, attempt.text, attempt.milliseconds)

    def _start(self, carrying: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(carrying)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(
        self,
        push: Push,
        *,
        copy: int,
        delay: float,
        held: tuple[asyncio.Event, float] | None,
        then: list[asyncio.Event],
    ) -> None:
        if delay:
            await asyncio.sleep(delay)
        if held:
            await _wait_for(held[0], held[1])
        for number in range(1, ATTEMPTS + 1):
            attempt = await self._attempt(push)
            self._note(push, attempt, number, copy)
            if attempt.status:
                break
            if number < ATTEMPTS:
                await asyncio.sleep(self._settings.callback_retry_seconds)
        for event in then:
            event.set()

    async def _attempt(self, push: Push) -> Attempt:
        sealed = self._seal(push.xml())
        body = envelope_xml(push.corp_id, self._settings.agent_id, sealed.encrypted)
        seconds = self._settings.callback_timeout_seconds
        return await self._request("POST", sealed.query(), body, seconds)

    async def _request(
        self, method: str, query: dict[str, str], body: str | None, seconds: float
    ) -> Attempt:
        if self._session is None:
            raise RuntimeError("the sender was not started")
        began = time.monotonic()
        try:
            async with self._session.request(
                method,
                self._settings.callback_url,
                params=query,
                data=body.encode() if body else None,
                headers={"Content-Type": "text/xml; charset=utf-8"} if body else None,
                timeout=aiohttp.ClientTimeout(total=seconds),
                allow_redirects=False,
            ) as response:
                text = await response.text(errors="replace")
                return Attempt(response.status, text, _since(began))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Attempt(0, _why(error), _since(began))

    def _seal(self, text: str) -> Sealed:
        stamp = str(int(self._platform.clock.base().timestamp()))
        return self._envelope.seal(text, timestamp=stamp, nonce=str(secrets.randbelow(10**10)))

    def _note(self, push: Push, attempt: Attempt, number: int, copy: int) -> None:
        again = f"，第 {number} 次尝试" if number > 1 else ""
        again_en = f", attempt {number}" if number > 1 else ""
        twin = f"（第 {copy} 份）" if copy else ""
        twin_en = f" (copy {copy})" if copy else ""
        result = str(attempt.status) if attempt.status else f"没有应答：{attempt.text}"
        zh, en = push.words
        self._platform.journal.note(
            Line.PUSH,
            f"企业微信 → 机器人：{zh}{twin}（加密推送{again}，{result}）",
            f"WeCom → bot: {en}{twin_en} (encrypted{again_en}, {attempt.status or 'no answer'})",
            ok=200 <= attempt.status < 300,
            milliseconds=attempt.milliseconds,
            raw=_raw(push, attempt),
        )


async def _wait_for(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "超时"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "连接不上，机器人还没有启动？"
    return f"连接中断（{type(error).__name__}）"


def _raw(push: Push, attempt: Attempt) -> str:
    notice = f"解密后的通知 / Decrypted notice:\n{push.xml()}"
    return f"{notice}\n\n机器人的应答 / The bot answers:\n{attempt.text[:1000]}"
