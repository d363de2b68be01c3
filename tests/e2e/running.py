"""`wecom-bot serve` as a process of its own, known by its outside face only."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from e2e.envelope import Push
from e2e.standin import Platform

PATIENCE = 60.0
_START_PATIENCE = 90.0
_KEPT = ("PATH", "HOME", "LANG", "PYTHONPATH")
Found = TypeVar("Found")


class Down(Exception):
    """The bot did not answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The error code of a refused API request."""
        return str(self.json["error"]["code"])


@dataclass(slots=True)
class Bot:
    """One `serve` process; it can be killed and started again on the same state."""

    platform: Platform
    folder: Path
    env: dict[str, str]
    port: int
    api_token: str
    ready_after: float = 0.0
    ready_cost: float = 0.0
    _process: subprocess.Popen[bytes] | None = None
    _checked: int = 0

    # The process.

    @property
    def log(self) -> Path:
        return self.folder / f"serve-{self.port}.log"

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def start(self) -> None:
        """Start and wait until it is ready."""
        started = time.monotonic()
        self.launch()
        self.wait_for(self._ready, "the bot to be ready", patience=_START_PATIENCE)
        self.ready_after = time.monotonic() - started
        self.ready_cost = self.processor_seconds

    def launch(self) -> subprocess.Popen[bytes]:
        """Start without waiting."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bot", "serve"],
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self._process

    def _ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the bot ended at its start:\n{self.output}")
        try:
            return self.get("/readyz").status == 200
        except Down:
            return False

    def kill(self) -> None:
        """`kill -9`: no goodbye."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
        return self._process.wait(15)

    def check_log(self) -> None:
        """No secret, no traceback, nothing that broke since the last look."""
        whole = self.output
        text, self._checked = whole[self._checked :], len(whole)
        secrets = (*self.platform.credentials.secrets, self.api_token, *self.platform.issued)
        leaked = [secret[:4] for secret in secrets if secret in text]
        assert not leaked, f"secrets in the log: {leaked}"
        for sign in ("Traceback", "never retrieved", "a page broke", "a loop broke"):
            assert sign not in text, text[-4000:]

    def clean_up(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)

    @property
    def resident_mb(self) -> float:
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    @property
    def processor_seconds(self) -> float:
        """What the process has used up so far, however busy the machine is."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # Its face.

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 15.0,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
            return Answer(response.status, text, dict(response.getheaders()))
        except (OSError, http.client.HTTPException) as error:
            raise Down(repr(error)) from None
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.request("GET", path)

    def push(self, push: Push) -> Answer:
        return self.request(
            "POST", push.path, body=push.body, headers={"Content-Type": "text/xml"}
        )

    def api(self, method: str, path: str, body: Any = None) -> Answer:
        """A request to `/api/v1` with the right token."""
        headers = {"Authorization": f"Bearer {self.api_token}"}
        raw = None if body is None else json.dumps(body).encode()
        return self.request(method, f"/api/v1{path}", body=raw, headers=headers)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the SQLite file holds, for what no page shows."""
        with contextlib.closing(sqlite3.connect(self.folder / "bot.db")) as connection:
            return connection.execute(query).fetchall()

    # What a guide does.

    def told(self, open_kfid: str = "wk_shop", *, copies: int = 1) -> None:
        """Push the notice about an account; the bot has to take it."""
        push = self.platform.notice(open_kfid)
        for _ in range(copies):
            answer = self.push(push)
            assert (answer.status, answer.text) == (200, "success")

    def suggestions(self, who: str | None = None, *, status: str = "pending") -> list[Any]:
        """All suggestions (of one customer), page by page."""
        items: list[Any] = []
        cursor = ""
        while True:
            about = f"&external_userid={who}" if who else ""
            page = self.api(
                "GET", f"/suggestions?status={status}&limit=200&cursor={cursor}{about}"
            ).json
            items += page["items"]
            if not page["next_cursor"]:
                return items
            cursor = page["next_cursor"]

    def suggestion(self, who: str) -> Any:
        """The one pending suggestion for a customer, awaited."""
        found = self.wait_for(lambda: self.suggestions(who), f"a suggestion for {who}")
        assert len(found) == 1, found
        return found[0]

    def approve(self, suggestion_id: int, **body: Any) -> Answer:
        return self.api("POST", f"/suggestions/{suggestion_id}/approve", body)

    def deliveries(self, who: str, *, state: str) -> list[Any]:
        found = self.api("GET", f"/deliveries?state={state}&limit=200").json["items"]
        return [row for row in found if row["external_userid"] == who]

    def wait_for(
        self, look: Callable[[], Found], what: str, *, patience: float = PATIENCE
    ) -> Found:
        """Look again and again until there is something."""
        end = time.monotonic() + patience
        while True:
            if found := look():
                return found
            if time.monotonic() > end:
                raise AssertionError(f"waited in vain for {what}; log:\n{self.output[-4000:]}")
            time.sleep(0.03)

    def hears(self, who: str, text: str, **more: Any) -> Any:
        """A customer writes, the bot is told; returns the suggestion."""
        self.platform.says(who, text, **more)
        self.told(more.get("to", "wk_shop"))
        return self.suggestion(who)

    def delivered(self, who: str, count: int = 1) -> list[str]:
        """The texts that reached a customer, once nothing is left to be sent to them."""
        self.wait_for(lambda: len(self.platform.got(who)) >= count, f"{count} message(s) to {who}")
        self.wait_for(lambda: not self.deliveries(who, state="ready"), "an empty outbox")
        return self.platform.got(who)


def environment(
    platform: Platform, *, port: int, api_token: str, database: str, model: Path, **changes: str
) -> dict[str, str]:
    """The whole configuration of a bot: nothing but `BOT_*`."""
    credentials = platform.credentials
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        "PYTHONUTF8": "1",
        "BOT_HTTP__PORT": str(port),
        "BOT_DATABASE__URL": database,
        "BOT_WECOM__API_BASE": platform.base,
        "BOT_WECOM__CORP_ID": credentials.corp_id,
        "BOT_WECOM__AGENT_ID": "1000002",
        "BOT_WECOM__SECRET": credentials.secret,
        "BOT_WECOM__TOKEN": credentials.token,
        "BOT_WECOM__ENCODING_AES_KEY": credentials.aes_key,
        "BOT_WECOM__TIMEOUT_SECONDS": "1",
        "BOT_API__TOKEN": api_token,
        "BOT_NLU__MODEL_DIR": str(model),
        "BOT_DIALOGUE__BURST_SECONDS": "0.4",
        **changes,
    }
