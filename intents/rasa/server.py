"""A Rasa server as a child process: started, waited for, warmed up, stopped."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import aiohttp

from intents.errors import EngineUnavailable
from intents.rasa.environment import Environment

HOST, PORT = "127.0.0.1", 5005
TOKEN_VARIABLE = "BOT_NLU__RASA_TOKEN"  # noqa: S105
_WARM_UP = ("你好", "这个多少钱", "什么时候发货 能不能走顺丰")
_READY_SECONDS = 300.0
_STOP_SECONDS = 15.0
_LOOK_EVERY_SECONDS = 0.25
_ONE_ANSWER = aiohttp.ClientTimeout(total=10)


@dataclass(slots=True)
class RasaServer:
    """One server for one model; `log` takes what Rasa writes (our own stderr by default)."""

    environment: Environment
    model: Path
    token: str
    host: str = HOST
    port: int = PORT
    log: IO[bytes] | None = None
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process; raises EngineUnavailable when the port is taken."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                raise EngineUnavailable(
                    f"{self.host}:{self.port} 用不了（{error}）。请停掉占用它的程序，或换 --port"
                ) from error
        command = [
            *(str(self.environment.python), "-m", "shop_nlu", "run", "--enable-api"),
            *("--interface", self.host, "--port", str(self.port), "--model", str(self.model)),
        ]
        self._process = subprocess.Popen(  # noqa: S603
            command,
            cwd=self.model.parent,
            env={**self.environment.variables(), "SHOP_RASA_TOKEN": self.token},
            stdout=self.log,
            stderr=subprocess.STDOUT if self.log else None,
        )

    async def ready(self, seconds: float = _READY_SECONDS) -> None:
        """Wait until a model answers, then ask it a few times: its first answers are slow."""
        try:
            async with asyncio.timeout(seconds), aiohttp.ClientSession() as session:
                while not await self._answers(session):
                    if not self.running:
                        raise EngineUnavailable("Rasa 没有启动起来。请看它上面的输出")
                    await asyncio.sleep(_LOOK_EVERY_SECONDS)
                await warm_up(session, self.url, self.token)
        except TimeoutError as error:
            raise EngineUnavailable(f"Rasa 在 {seconds:.0f} 秒里没有准备好") from error

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait(self) -> int:
        """Block until the server ends; its exit code."""
        return self._process.wait() if self._process else 0

    def send(self, number: signal.Signals) -> None:
        """Pass a signal on to the server."""
        if self._process and self.running:
            self._process.send_signal(number)

    def stop(self) -> None:
        """End the server, by force when it does not listen."""
        if self._process is None:
            return
        self.send(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    async def _answers(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(
                f"{self.url}/status", params={"token": self.token}, timeout=_ONE_ANSWER
            ) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


async def warm_up(session: aiohttp.ClientSession, url: str, token: str) -> None:
    """Let the server judge a few messages, so that no customer waits for its first answers."""
    for text in _WARM_UP:
        try:
            async with session.post(
                f"{url}/model/parse", params={"token": token}, json={"text": text}
            ) as response:
                response.raise_for_status()
        except aiohttp.ClientError as error:
            raise EngineUnavailable(f"Rasa 起来了，但不回答：{error}") from error


def token_of(folder: Path) -> str:
    """The token from the environment, else one of our own making, kept in a private file."""
    named = os.environ.get(TOKEN_VARIABLE, "").strip()
    if named:
        return named
    path = folder / "token"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text().strip()
