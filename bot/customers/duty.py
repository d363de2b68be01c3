"""Who stands behind a code now: shifts by weekday and hour, daily caps, backups, rotation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from bot.customers.channel_draft import Shift
from bot.wecom.contact_ways import MOST_STAFF

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Roster:
    """The rules of one channel; all times are the shop's own."""

    guides: Sequence[str]
    backups: Sequence[str] = ()
    shifts: Sequence[Shift] = ()
    daily_cap: int | None = None
    caps: Mapping[str, int] = field(default_factory=dict)
    paused: bool = False

    def on_duty(self, now: datetime, added_today: Mapping[str, int]) -> tuple[str, ...]:
        """The guides behind the code at `now`; never nobody, and at most 100.

        Those at their cap step back; with nobody left the backups come, and when even they are
        full the regular ones stay, for a printed code must not lead nowhere. For the same reason
        a pause hands it to the backups, and without any leaves it with the guides: WeCom knows
        no code without staff.
        """
        if self.paused:
            return _rotated(self.backups or self.guides, now.date(), added_today)
        regular = self._regular(now)
        open_ones = [one for one in regular if not self._full(one, added_today)]
        open_backups = [one for one in self.backups if not self._full(one, added_today)]
        chosen = open_ones or open_backups or regular
        return _rotated(chosen, now.date(), added_today)

    def next_change(self, now: datetime) -> datetime | None:
        """When to look again; None when only an edit can change anything."""
        if self.paused and not self._crowded:
            return None
        edges = [edge for edge in self._edges(now) if edge > now]
        if self.daily_cap is not None or self.caps or self._crowded:
            edges.append(_at(now, now.date() + _DAY, time()))
        return min(edges, default=None)

    @property
    def _crowded(self) -> bool:
        return max(len(self.guides), len(self.backups), self._shift_size) > MOST_STAFF

    @property
    def _shift_size(self) -> int:
        return sum(len(shift.guides) for shift in self.shifts)

    def _regular(self, now: datetime) -> list[str]:
        if not self.shifts:
            return list(self.guides)
        on_shift = (guide for one in self.shifts if _covers(one, now) for guide in one.guides)
        return list(dict.fromkeys(on_shift)) or list(self.backups) or list(self.guides)

    def _full(self, guide: str, added_today: Mapping[str, int]) -> bool:
        cap = self.caps.get(guide, self.daily_cap)
        return cap is not None and added_today.get(guide, 0) >= cap

    def _edges(self, now: datetime) -> Iterator[datetime]:
        for shift in self.shifts:
            for ahead in range(-1, 8):
                day = now.date() + ahead * _DAY
                if day.isoweekday() in shift.days:
                    yield from _span(shift, now, day)


def _covers(shift: Shift, now: datetime) -> bool:
    for day in (now.date(), now.date() - _DAY):
        if day.isoweekday() in shift.days:
            start, end = _span(shift, now, day)
            if start <= now < end:
                return True
    return False


def _span(shift: Shift, now: datetime, day: date) -> tuple[datetime, datetime]:
    start = _at(now, day, time.fromisoformat(shift.start))
    if shift.end == "24:00":
        return start, _at(now, day + _DAY, time())
    end_day = day if shift.end > shift.start else day + _DAY
    return start, _at(now, end_day, time.fromisoformat(shift.end))


def _at(now: datetime, day: date, moment: time) -> datetime:
    return datetime.combine(day, moment, tzinfo=now.tzinfo)


def _rotated(guides: Iterable[str], day: date, added_today: Mapping[str, int]) -> tuple[str, ...]:
    """At most a hundred: those with the fewest new friends today, another first each day."""
    everybody = list(dict.fromkeys(guides))
    if len(everybody) <= MOST_STAFF:
        return tuple(everybody)
    start = day.toordinal() * MOST_STAFF % len(everybody)
    turned = everybody[start:] + everybody[:start]
    fewest = set(sorted(turned, key=lambda guide: added_today.get(guide, 0))[:MOST_STAFF])
    return tuple(guide for guide in everybody if guide in fewest)
