"""A week of newcomers: two segments, three days of posts, services that die on the way."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from e2e.campaigns import SHOP
from e2e.envelope import Push
from e2e.outreach_posts import Moment, Posts
from e2e.running import Bot, Down

DAYS = 3
MOTHERS, OTHERS = "妈妈", "其他"
_ADD = "externalcontact/add_moment_task"
_PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c"
    "6360606060000000050001a5f645400000000049454e44ae426082"
)


def text_of_day(segment: str, day: int) -> str:
    """On the second day both segments are told the same."""
    return f"大家的第{day}天" if day == 2 else f"{segment}的第{day}天"


def write_journeys(folder: Path) -> dict[str, str]:
    """A journey file with a picture beside it; returns the settings."""
    lines = [
        "version: 1",
        "journeys:",
        "- id: week",
        "  name: 新朋友",
        "  triggers: [{added: any}]",
        f"  segments: {{mothers: {{zh: {MOTHERS}, tags: [宝妈]}}, others: {{zh: {OTHERS}}}}}",
        "  cohort: {by: joining_day, tag_group: 批次, tag_prefix: 新客, retire_after_days: 1}",
        "  exits: []",
        "  steps:",
    ]
    for day in range(1, DAYS + 1):
        images = ", images: [a.png]" if day != 2 else ""
        lines += [
            f"  - id: day{day}",
            f"    purpose: 第{day}天",
            "    kind: moment",
            f'    at: {{day: {day}, time: "10:{10 * day}"}}',
            "    catch_up: {send_late: 10}",
            "    content:",
            f"      mothers: {{text: {text_of_day(MOTHERS, day)}{images}}}",
            f"      others: {{text: {text_of_day(OTHERS, day)}{images}}}",
        ]
    (folder / "shop.yml").write_text("\n".join(lines), encoding="utf-8")
    (folder / "a.png").write_bytes(_PICTURE)
    return {"BOT_OUTREACH__ENABLED": "true", "BOT_OUTREACH__JOURNEYS": str(folder)}


@dataclass(slots=True)
class Newcomers:
    """People who come, services that run and die, and what everybody must have seen."""

    bots: Sequence[Bot]
    posts: Posts
    segments: dict[str, str] = field(default_factory=dict)
    state: str = ""

    @property
    def now(self) -> datetime:
        return self.posts.campaigns.clock.now().astimezone(SHOP)

    def start(self, bots: Iterable[Bot] | None = None) -> None:
        for bot in self.bots if bots is None else bots:
            bot.env |= self.posts.campaigns.clock.settings
            bot.start()

    def open_channel(self) -> None:
        """Whoever comes by it is a mother."""
        body = {"name": "宝妈群", "guides": ["qing", "tang"], "tags": ["宝妈"]}
        assert self.bots[0].api("POST", "/channels", body).status == 201
        [way] = self.posts.campaigns.contacts.ways.values()
        self.state = way["state"]

    def come(self, count: int) -> None:
        for _ in range(count):
            number = len(self.segments)
            segment = (MOTHERS, OTHERS)[number % 3 == 0]
            state = self.state if segment == MOTHERS else ""
            contacts = self.posts.campaigns.contacts
            friend = contacts.adds(
                f"wm_new_{number:03d}", guide=("qing", "tang")[number % 2], state=state
            )
            self._tell(contacts.push(friend))
            self.segments[friend.who] = segment

    def _tell(self, push: Push) -> None:
        """WeCom tells again whom it could not reach."""
        for turn in range(600):
            try:
                if self.bots[turn % len(self.bots)].push(push).status == 200:
                    return
            except Down:
                pass
            time.sleep(0.05)
        raise AssertionError("nobody takes a callback")

    def until_tagged(self) -> None:
        """Until everybody bears the tag of a cohort of today."""
        contacts, today = self.posts.campaigns.contacts, f"{self.now:%y%m%d}"
        names = (f"新客·{MOTHERS}·{today}", f"新客·{OTHERS}·{today}")
        self.bots[0].wait_for(
            lambda: (
                sum(
                    any(contacts.tags[tag][1] in names for tag in borne)
                    for borne in list(contacts.pairs.values())
                )
                == len(self.segments)
            ),
            "everybody to be tagged",
        )

    def until_posted(self, count: int) -> Moment:
        """Until WeCom was asked for so many posts in all, or the day is over."""
        while len(self.posts.moments) < count and self.now.hour < 21:
            time.sleep(0.001)
        assert len(self.posts.moments) >= count, self._state()
        return self.posts.moments[count - 1]

    def sleep(self) -> None:
        """All services die in the evening and live again the next morning."""
        for bot in self.bots:
            bot.kill()
        clock = self.posts.campaigns.clock
        clock.jump((self.now + timedelta(days=1)).replace(hour=9, minute=40))
        self.start()

    def check(self) -> None:
        """Everybody saw every day of their segment once, one a day, at most ten tasks a minute."""
        expected = Counter(
            (who, text_of_day(segment, day))
            for who, segment in self.segments.items()
            for day in range(1, DAYS + 1)
        )
        assert self.posts.asked() == expected, self._state()
        days = Counter(
            (who, moment.at.astimezone(SHOP).date())
            for moment in self.posts.moments
            for _, who in moment.audience
        )
        assert set(days.values()) == {1}
        hours = [moment.at.astimezone(SHOP).hour for moment in self.posts.moments]
        assert min(hours) >= 9 and max(hours) < 22
        assert self.posts.campaigns.busiest_minute(_ADD) <= 10

    def check_tags_are_gone(self) -> None:
        """The tags of cohorts that have seen everything are deleted, and those only."""
        self.bots[0].wait_for(
            lambda: not any(name.startswith("新客·") for name in self.posts.tag_names),
            "the used tags to be deleted",
        )
        assert "宝妈" in self.posts.tag_names

    def _state(self) -> str:
        touches = self._touches()
        known = [
            (one["cohort"], one["step"], one["status"], one["explanation"]) for one in touches
        ]
        posts = [
            (moment.text, moment.at, sorted(moment.audience)) for moment in self.posts.moments
        ]
        return f"now {self.now}\n{known}\n{posts}"

    def _touches(self) -> list[dict[str, Any]]:
        """As the first service tells that lives."""
        for bot in self.bots:
            with contextlib.suppress(Down):
                return list(bot.api("GET", "/touches?limit=100").json["items"])
        return []
