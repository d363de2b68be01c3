"""Many customers at once, and a guide who approves whatever comes up."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from e2e.running import Bot, Down
from e2e.standin import Platform

LINES = ("这件还有L码吗", "太贵了", "什么时候发货")


class Guide:
    """Approves each suggestion with a text of its own, from any of the bots that answers."""

    def __init__(self, bots: Sequence[Bot]) -> None:
        self._bots = bots
        self._stopped = threading.Event()
        self.approved: dict[int, str] = {}

    @contextmanager
    def working(self) -> Iterator[Guide]:
        threads = [
            threading.Thread(target=self._work, args=(bot,), daemon=True) for bot in self._bots
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join(20)

    def _work(self, bot: Bot) -> None:
        while not self._stopped.is_set():
            try:
                for suggestion in bot.suggestions():
                    self._approve(bot, suggestion)
            except Down:
                pass
            self._stopped.wait(0.05)

    def _approve(self, bot: Bot, suggestion: dict[str, Any]) -> None:
        """Whoever does not hear the answer asks again: decided already is as good as done."""
        who, suggestion_id = suggestion["customer"]["external_userid"], suggestion["id"]
        answer = bot.approve(suggestion_id, text=f"给 {who} 的回复")
        assert answer.status in (200, 409), answer.text
        self.approved[suggestion_id] = who


@contextmanager
def writing(platform: Platform, people: Sequence[str], tell: Callable[[], None]) -> Iterator[None]:
    """Customers write while the block runs; each push may fall on deaf ears."""
    done = threading.Event()

    def write() -> None:
        for number, who in enumerate(people):
            platform.says(who, LINES[number % len(LINES)])
            if number % 3 == 0:
                try:
                    tell()
                except (Down, AssertionError):
                    pass
            done.wait(0.05)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(30)


def replies(platform: Platform, people: Sequence[str]) -> int:
    """How many messages have reached these customers."""
    return sum(message["touser"] in people for message in list(platform.sent))


def assert_each_got_one(bot: Bot, platform: Platform, people: Sequence[str]) -> None:
    """One suggestion and one reply a customer, the reply meant for them, nothing else."""
    bot.wait_for(
        lambda: replies(platform, people) >= len(people),
        f"{len(people)} replies",
        patience=45,
    )
    bot.wait_for(lambda: not bot.suggestions(), "all to be decided")
    bot.wait_for(
        lambda: not bot.api("GET", "/deliveries?state=ready").json["items"], "an empty outbox"
    )
    decided = [
        one
        for one in bot.suggestions(status="all")
        if one["customer"]["external_userid"] in people
    ]
    made = Counter(one["customer"]["external_userid"] for one in decided)
    assert made == dict.fromkeys(people, 1)
    assert {one["status"] for one in decided} == {"approved"}
    got = {who: platform.got(who) for who in people}
    assert got == {who: [f"给 {who} 的回复"] for who in people}
    assert replies(platform, people) == len(people)
    for state in ("failed", "dead"):
        assert bot.api("GET", f"/deliveries?state={state}").json["items"] == []
