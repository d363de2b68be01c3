"""The platform itself: its people, its rules and what happened. It knows no HTTP."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .clock import TurnableClock
from .customers import Customer, Customers
from .faults import Faults
from .friends import Friends
from .groups import Groups
from .journal import Journal, Line
from .media import MediaShelf
from .meter import Meter
from .msgtypes import MSGTYPES
from .pushes import ContactPush, GroupPush, Push
from .sample import DEFAULT_ACCOUNT, seed
from .sessions import Sessions, State
from .settings import SandboxSettings
from .storage import Store
from .timeline import Fate, Message, Origin, Timeline
from .tokens import AccessTokens, ReplyCodes, SyncTokens

OUTCOME_SECONDS = 1


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call to the API as it was answered; `lost` when the answer never left."""

    api: str
    at: datetime
    query: dict[str, str]
    body: dict[str, Any]
    answer: dict[str, Any]
    lost: bool = False

    @property
    def errcode(self) -> int:
        """0 when it succeeded."""
        return int(self.answer.get("errcode", 0))


class Platform:
    """A whole WeCom for one corp. Everything is done at once and kept in one store."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self.store = Store(settings.data_path)
        ahead = float(self.store.fact("clock_ahead_seconds") or 0)
        self.clock = TurnableClock(settings.clock, timedelta(seconds=ahead))
        self.journal = Journal(self.clock)
        self.faults = Faults()
        self.meter = Meter(self.clock)
        self.people = Customers(self.store)
        self.friends = Friends(self.store)
        self.groups = Groups(self.store)
        self.sessions = Sessions(self.store)
        self.timeline = Timeline(self.store)
        self.media = MediaShelf(self.store)
        self.access = AccessTokens(self.store)
        self.sync_tokens = SyncTokens(self.store)
        self.codes = ReplyCodes(self.store)
        self.calls: deque[CallRecord] = deque(maxlen=5000)
        self.pushes: deque[Push] = deque(maxlen=5000)
        self.push_listeners: list[Callable[[Push], None]] = []
        self.change_listeners: list[Callable[[str], None]] = []
        self._pushed = 0
        with self.store.transaction():
            seed(self.store, settings.shop_name, self.now())

    def close(self) -> None:
        """Release the store."""
        self.store.close()

    def now(self) -> int:
        """Unix seconds by the sandbox's own clock."""
        return int(self.clock().timestamp())

    def turn_clock(self, by: timedelta) -> datetime:
        """Let time pass at once; remembered across starts."""
        moment = self.clock.advance(by)
        self.keep_clock()
        hours = by.total_seconds() / 3600
        self.journal.note(
            Line.PLATFORM, f"时钟快进 {hours:g} 小时", f"Clock turned forward by {hours:g} h"
        )
        return moment

    def keep_clock(self) -> None:
        """Remember across starts how far the clock was turned."""
        self.store.remember("clock_ahead_seconds", str(self.clock.offset.total_seconds()))

    def customers(self) -> list[Customer]:
        """Everyone who may write."""
        return self.people.all()

    def customer(self, external_userid: str) -> Customer:
        """One customer; raises `UnknownSubject`."""
        return self.people.get(external_userid)

    def add_customer(
        self, external_userid: str, nickname: str, *, sketch: str = "", face: str = "bob"
    ) -> Customer:
        """Someone new, for example for a load test. Adding again changes nothing."""
        self.people.add(external_userid, nickname, sketch=sketch, face=face)
        self.changed("customers")
        return self.customer(external_userid)

    def customer_writes(
        self, external_userid: str, text: str, *, open_kfid: str = DEFAULT_ACCOUNT
    ) -> Message:
        """A customer types a line: the window opens and the callback is told."""
        return self.customer_sends(external_userid, "text", {"content": text}, open_kfid=open_kfid)

    def customer_sends(
        self,
        external_userid: str,
        msgtype: str,
        content: dict[str, Any],
        *,
        open_kfid: str = DEFAULT_ACCOUNT,
    ) -> Message:
        """Any kind of message from a customer."""
        customer, now = self.customer(external_userid), self.now()
        with self.store.transaction():
            self.sessions.customer_wrote(open_kfid, external_userid, now)
            message = self.timeline.append(
                open_kfid, external_userid, Origin.CUSTOMER, msgtype, content, at=now
            )
            self.mark_read(external_userid)
        self._note_said(customer, message)
        self.notify(open_kfid)
        return message

    def _note_said(self, customer: Customer, message: Message) -> None:
        zh, en = MSGTYPES.get(message.msgtype, (message.msgtype, message.msgtype))
        zh_said = f"写道：「{message.text}」" if message.text else f"发来{zh}"
        en_said = f'writes "{message.text}"' if message.text else f"sends a {en}"
        name = customer.nickname
        self.journal.note(Line.CUSTOMER, f"{name} {zh_said}", f"{name} {en_said}")

    def add_event(
        self, open_kfid: str, external_userid: str, event_type: str, **fields: object
    ) -> Message:
        """Put a system event into the timeline and tell the callback."""
        ids = {"event_type": event_type, "open_kfid": open_kfid}
        if external_userid:
            ids["external_userid"] = external_userid
        message = self.timeline.append(
            open_kfid,
            external_userid,
            Origin.SYSTEM,
            "event",
            {**ids, **fields},
            at=self.now(),
        )
        self.notify(open_kfid)
        return message

    def await_event(
        self, open_kfid: str, external_userid: str, event_type: str, **fields: object
    ) -> None:
        """Let a system event happen a moment later, as the outcome of a send does."""
        self.store.insert(
            "awaited_events",
            due_at=self.now() + OUTCOME_SECONDS,
            open_kfid=open_kfid,
            external_userid=external_userid,
            event_type=event_type,
            fields=json.dumps(fields, ensure_ascii=False),
        )

    def settle(self) -> int:
        """Let the events happen whose time has come; how many there were."""
        due = self.store.all(
            "SELECT * FROM awaited_events WHERE due_at <= ? ORDER BY seq", self.now()
        )
        for row in due:
            with self.store.transaction():
                self.store.run("DELETE FROM awaited_events WHERE seq = ?", row["seq"])
                self.add_event(
                    row["open_kfid"],
                    row["external_userid"],
                    row["event_type"],
                    **json.loads(row["fields"]),
                )
        return len(due)

    def notify(self, open_kfid: str) -> Push:
        """Emit one `kf_msg_or_event`; whoever listens carries it to the callback."""
        now = self.now()
        token = self.sync_tokens.issue(open_kfid, now)
        corp = self.settings.corp_id
        self._pushed += 1
        return self._emit(Push(self._pushed, corp, "kf_msg_or_event", open_kfid, token, now))

    def notify_contact(
        self, change_type: str, userid: str, external_userid: str, **fields: str
    ) -> Push:
        """Emit one `change_external_contact`; only for what people do, never for the API."""
        self._pushed += 1
        ids = {"ChangeType": change_type, "UserID": userid, "ExternalUserID": external_userid}
        push = ContactPush(
            self._pushed,
            self.settings.corp_id,
            "change_external_contact",
            "",
            "",
            self.now(),
            tuple((ids | fields).items()),
        )
        return self._emit(push)

    def notify_acquisition(self, change_type: str, **fields: str) -> Push:
        """Emit one `customer_acquisition` event."""
        self._pushed += 1
        push = ContactPush(
            self._pushed,
            self.settings.corp_id,
            "customer_acquisition",
            "",
            "",
            self.now(),
            (("ChangeType", change_type), *fields.items()),
        )
        return self._emit(push)

    def notify_group(
        self, chat_id: str, change_type: str, **fields: str | tuple[str, ...]
    ) -> Push:
        """Emit one `change_external_chat`; the group's data follow about two seconds later."""
        self._pushed += 1
        ids: dict[str, str | tuple[str, ...]] = {"ChatId": chat_id, "ChangeType": change_type}
        push = GroupPush(
            self._pushed,
            self.settings.corp_id,
            "change_external_chat",
            "",
            "",
            self.now(),
            tuple((ids | fields).items()),
        )
        return self._emit(push)

    def _emit(self, push: Push) -> Push:
        self.pushes.append(push)
        for listener in list(self.push_listeners):
            listener(push)
        self.changed("threads")
        return push

    def sent_messages(self, external_userid: str) -> list[Message]:
        """What the customer has received from the API, oldest first."""
        return [
            message
            for message in self.timeline.of_customer(external_userid, last=100_000)
            if message.origin is Origin.API and message.fate is Fate.DELIVERED
        ]

    def mark_read(self, external_userid: str) -> None:
        """The customer has looked at the phone."""
        self.people.mark_read(external_userid)
        self.changed("customers")

    def unread(self, external_userid: str) -> int:
        """Messages from the shop that the customer has not looked at."""
        return self.people.unread(external_userid)

    def app_messages(self) -> list[dict[str, Any]]:
        """What the app has sent to members by `message/send`, oldest first."""
        rows = self.store.all("SELECT * FROM app_messages ORDER BY seq")
        return [
            {
                "msgid": row["msgid"],
                "receivers": row["receivers"].split("|"),
                "msgtype": row["msgtype"],
                "content": json.loads(row["body"]),
                "at": row["at"],
            }
            for row in rows
        ]

    def session_state(self, external_userid: str, open_kfid: str = DEFAULT_ACCOUNT) -> State:
        """The reception state as the platform would tell it now."""
        return self.sessions.get(open_kfid, external_userid).state_at(self.now())

    def has_account(self, open_kfid: str) -> bool:
        """Whether this customer-service account exists."""
        found = self.store.value("SELECT 1 FROM accounts WHERE open_kfid = ?", open_kfid)
        return found is not None

    def changed(self, what: str) -> None:
        """Tell the page that something is worth reading again."""
        for listener in list(self.change_listeners):
            listener(what)
