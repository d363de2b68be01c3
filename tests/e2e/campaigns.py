"""The outreach side of the tests' WeCom: mass sends and cards, by a clock that may run ahead."""

from __future__ import annotations

import itertools
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from e2e.contacts import Contacts
from e2e.standin import Call, Platform

SHOP = timezone(timedelta(hours=8))
DISPATCHING = timedelta(seconds=20)
_numbers = itertools.count(1)


@dataclass(slots=True)
class RunningTime:
    """The scenario's time: from `start` on, `speed` times as fast as the machine's.

    It may `jump`, as long as no service runs that would not know of it.
    """

    start: datetime
    speed: float
    began: float = field(default_factory=time.monotonic)
    _stretches: list[tuple[float, datetime]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stretches.append((self.began, self.start))

    def now(self) -> datetime:
        return self.at(time.monotonic())

    def at(self, monotonic: float) -> datetime:
        since, start = next(
            one for one in reversed(self._stretches) if one[0] <= monotonic or one[0] == self.began
        )
        return start + timedelta(seconds=(monotonic - since) * self.speed)

    def jump(self, to: datetime) -> None:
        self._stretches.append((time.monotonic(), to))

    @property
    def settings(self) -> dict[str, str]:
        """What a process started now has to be given."""
        return {
            "BOT_CLOCK__START": self.now().isoformat(),
            "BOT_CLOCK__SPEED": str(self.speed),
        }


@dataclass(slots=True)
class MassSend:
    msgid: str
    sender: str
    targets: list[str]
    text: str
    at: datetime
    cancelled: bool = False
    reminders: int = 0


@dataclass(frozen=True, slots=True)
class Reached:
    """Something that a customer (or, of a card, a guide about a customer) got."""

    way: str
    who: str
    text: str
    at: datetime


@dataclass(slots=True)
class Campaigns:
    """Put on top of a `Platform`; guides confirm `after` unless `refuses` says otherwise."""

    contacts: Contacts
    clock: RunningTime
    after: timedelta = timedelta(minutes=30)
    refuses: Callable[[str], bool] = lambda guide: False
    sends: list[MassSend] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.contacts.platform.more |= {
            "externalcontact/add_msg_template": self._add_send,
            "externalcontact/get_groupmsg_list_v2": self._list_sends,
            "externalcontact/get_groupmsg_task": self._send_members,
            "externalcontact/get_groupmsg_send_result": self._send_results,
            "externalcontact/remind_groupmsg_send": self._remind,
            "externalcontact/cancel_groupmsg_send": self._cancel_send,
        }

    @property
    def platform(self) -> Platform:
        return self.contacts.platform

    # What tests ask afterwards.

    def reached(self) -> list[Reached]:
        """All that reached customers so far, in the order of its time."""
        found = [
            Reached("kf", call.body["touser"], text_of(call.body), self.clock.at(call.at))
            for call in list(self.platform.calls)
            if call.api == "kf/send_msg" and call.errcode == 0
        ]
        found += [
            Reached("mass_send", who, send.text, send.at + self.after)
            for send in list(self.sends)
            if self._is_sent(send)
            for who in send.targets
        ]
        found += [
            Reached("card", "", text_of(call.body), self.clock.at(call.at))
            for call in self._cards()
        ]
        return sorted(found, key=lambda one: one.at)

    def asked(self) -> Counter[tuple[str, str]]:
        """How often WeCom was asked to bring a text to a customer, confirmed or not."""
        calls: Counter[tuple[str, str]] = Counter()
        for send in list(self.sends):
            calls.update((who, send.text) for who in send.targets)
        for one in self.reached():
            if one.way == "kf":
                calls[one.who, one.text] += 1
        return calls

    def busiest_minute(self, api: str) -> int:
        """The most calls of one API within any sixty seconds of the scenario's time."""
        times = sorted(self.clock.at(call.at) for call in self.platform.calls_of(api))
        most = 0
        for first, at in enumerate(times):
            within = (one for one in times[first:] if one - at < timedelta(minutes=1))
            most = max(most, sum(1 for _ in within))
        return most

    def outside(self, opens: float, closes: float, texts: Collection[str]) -> list[Reached]:
        """What reached customers, or guides for them, when the shop is silent; hours of its day.

        Guides are told at any hour of other things, such as a greeting that failed.
        """
        return [
            one
            for one in self.reached()
            if not opens <= _hour(one.at) <= closes and {*texts} & {*one.text.split("\n")}
        ]

    def per_day(self, way: str) -> Counter[tuple[str, str]]:
        """Messages of one way to one customer on one day of the shop."""
        return Counter(
            (one.who, f"{one.at.astimezone(SHOP):%m-%d}")
            for one in self.reached()
            if one.way == way
        )

    def gaps(self) -> dict[str, timedelta]:
        """The shortest time between two messages to one customer."""
        times: defaultdict[str, list[datetime]] = defaultdict(list)
        for one in self.reached():
            if one.who:
                times[one.who].append(one.at)
        return {
            who: min(b - a for a, b in itertools.pairwise(ats))
            for who, ats in times.items()
            if len(ats) > 1
        }

    def _cards(self) -> list[Call]:
        """Each card once: WeCom drops copies when asked to check for them."""
        first: dict[tuple[str, str], Call] = {}
        for call in self._done("message/send"):
            copy = bool(call.body.get("enable_duplicate_check"))
            key = (call.body["touser"], text_of(call.body) if copy else str(call.at))
            first.setdefault(key, call)
        return list(first.values())

    def _done(self, api: str) -> list[Call]:
        calls = list(self.platform.calls)
        return [call for call in calls if call.api == api and call.errcode == 0]

    # Mass sends.

    def _is_sent(self, send: MassSend) -> bool:
        confirmed = self.clock.now() >= send.at + self.after
        return confirmed and not send.cancelled and not self.refuses(send.sender)

    def _add_send(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        targets = body.get("external_userid") or body.get("chat_id_list") or []
        if not targets or not body.get("sender") or len(targets) > 10_000:
            return no(40058)
        if not (body.get("text") or body.get("attachments")):
            return no(40058)
        msgid = f"msg{next(_numbers):06d}{secrets.token_hex(8)}"
        self.sends.append(
            MassSend(msgid, body["sender"], list(targets), text_of(body), self.clock.now())
        )
        return yes(msgid=msgid, fail_list=[])

    def _list_sends(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        rows = [
            {
                "msgid": send.msgid,
                "create_time": str(int(send.at.timestamp())),
                "create_type": 0,
                "text": {"content": send.text},
                "attachments": [],
            }
            for send in list(self.sends)
            if body["start_time"] <= send.at.timestamp() <= body["end_time"]
        ]
        return yes(group_msg_list=rows, next_cursor="")

    def _send(self, body: dict[str, Any]) -> MassSend | None:
        return next((one for one in self.sends if one.msgid == body.get("msgid")), None)

    def _send_members(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        if (send := self._send(body)) is None:
            return no(41048)
        if send.cancelled:
            return no(41093)
        if self.clock.now() < send.at + DISPATCHING:
            return no(41063)
        row: dict[str, Any] = {"userid": send.sender, "status": 2 if self._is_sent(send) else 0}
        return yes(task_list=[row], next_cursor="")

    def _send_results(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        if (send := self._send(body)) is None:
            return no(41048)
        status = 1 if self._is_sent(send) else 0
        stamp = int((send.at + self.after).timestamp())
        rows = [
            {"external_userid": who, "userid": send.sender, "status": status}
            | ({"send_time": stamp} if status else {})
            for who in send.targets
        ]
        return yes(send_list=rows, next_cursor="")

    def _remind(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        if (send := self._send(body)) is None:
            return no(41048)
        send.reminders += 1
        return yes() if send.reminders <= 3 else no(41094)

    def _cancel_send(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        if (send := self._send(body)) is None:
            return no(41048)
        if send.cancelled:
            return no(41093)
        send.cancelled = not self._is_sent(send)
        return yes()


def text_of(body: dict[str, Any]) -> str:
    return str((body.get("text") or {}).get("content") or "")


def _hour(at: datetime) -> float:
    local = at.astimezone(SHOP)
    return local.hour + local.minute / 60


def yes(**values: Any) -> dict[str, Any]:
    return {"errcode": 0, "errmsg": "ok", **values}


def no(code: int) -> dict[str, Any]:
    return {"errcode": code, "errmsg": "refused"}
