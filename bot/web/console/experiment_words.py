"""What an A/B comparison says, so that a shop owner knows what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from bot.outreach.step_results import Figures
from bot.web.console.wording import Wording
from scheduler import ReadOut

_WIDTH = 200
_TOO_LONG_DAYS = 180


@dataclass(frozen=True, slots=True)
class Bar:
    """One arm: its interval on a line from 0 to the highest bound, in pixels."""

    name: str
    of: str
    rate: str
    low: float
    high: float
    middle: float
    best: bool


def bars(words: Wording, read: ReadOut, what: str) -> list[Bar]:
    """The arms on one scale, in the order of the journey."""
    top = max((arm.interval.high for arm in read.arms), default=1.0) or 1.0

    def place(rate: float) -> float:
        return round(rate / top * _WIDTH, 1)

    return [
        Bar(
            name=arm.name,
            of=words(f"results.of.{what}", good=arm.successes, sent=arm.sent),
            rate=words(
                "results.rate",
                rate=f"{arm.interval.rate:.0%}",
                low=f"{arm.interval.low:.0%}",
                high=f"{arm.interval.high:.0%}",
            ),
            low=place(arm.interval.low),
            high=place(arm.interval.high),
            middle=place(arm.interval.rate),
            best=arm.name == read.winner,
        )
        for arm in read.arms
    ]


def verdict(
    words: Wording, read: ReadOut, arms: Mapping[str, Figures], what: str, now: datetime
) -> str:
    """One sentence or two: which is better by how much, or how long to wait."""
    unsent = next((arm.name for arm in read.arms if arm.sent == 0), None)
    if unsent is not None or read.lead is None:
        return words("results.few", name=unsent or "")
    best, other, *_ = read.ranked
    if read.winner:
        return words(
            "results.winner",
            best=best.name,
            other=other.name,
            what=words(f"results.what.{what}"),
            low=max(1, _points(read.lead.low)),
            high=_points(read.lead.high),
        )
    wanted = read.wanted or 0
    fewest = min(read.arms, key=lambda arm: arm.sent)
    if fewest.sent >= wanted:
        most = max(abs(_points(read.lead.low)), abs(_points(read.lead.high)))
        return words("results.alike", most=most)
    days = ceil((wanted - fewest.sent) / _a_day(arms[fewest.name], now))
    if days > _TOO_LONG_DAYS:
        return words("results.slow")
    lead = _points(read.lead.rate)
    return words("results.wait", lead=lead, days=days, wanted=wanted)


def _points(rate: float) -> int:
    return round(rate * 100)


def _a_day(arm: Figures, now: datetime) -> float:
    """How many of an arm go out a day, since its first."""
    since = arm.first_at or now
    return arm.sent / max(1.0, (now - since).total_seconds() / 86400)
