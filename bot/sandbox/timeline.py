"""Everything said at the customer-service accounts, in one order."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import sqlite3
import zlib
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

from .errors import ApiError
from .storage import Store

HISTORY_SECONDS = 3 * 24 * 3600
LARGEST_SEQ = 2**62


class Origin(IntEnum):
    """Who caused a message; `API` ones are never returned by sync_msg."""

    API = 0
    CUSTOMER = 3
    SYSTEM = 4
    SERVICER = 5


class Fate(StrEnum):
    """What became of a message after it was accepted."""

    DELIVERED = ""
    FAILED = "failed"
    RECALLED = "recalled"


@dataclass(frozen=True, slots=True)
class Message:
    """One row; `content` is the body under the message type, `at` Unix seconds."""

    seq: int
    msgid: str
    open_kfid: str
    external_userid: str
    origin: Origin
    servicer: str
    msgtype: str
    content: dict[str, Any]
    at: int
    fate: Fate

    @property
    def text(self) -> str:
        """The words of a text message, or nothing."""
        return str(self.content.get("content", "")) if self.msgtype == "text" else ""

    def synced(self) -> dict[str, Any]:
        """As sync_msg returns it: the ids of an event are inside the event."""
        common = {"msgid": self.msgid, "send_time": self.at, "origin": int(self.origin)}
        if self.msgtype == "event":
            return {**common, "msgtype": "event", "event": self.content}
        named = {"open_kfid": self.open_kfid, "external_userid": self.external_userid}
        servicer = {"servicer_userid": self.servicer} if self.servicer else {}
        body = {"msgtype": self.msgtype, self.msgtype: self.content}
        return {**common, **named, **servicer, **body}


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in one account's timeline; `empties` counts the empty pages given so far."""

    seq: int = 0
    empties: int = 0

    def written(self, open_kfid: str) -> str:
        """The opaque form, at most 64 bytes, only good for this account."""
        plain = f"{_stamp(open_kfid):08x}.{self.seq}.{self.empties}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, open_kfid: str) -> Cursor:
        """Back from the opaque form; anything else is refused."""
        try:
            plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
            stamp, seq, empties = plain.split(".")
            cursor, account = cls(int(seq), int(empties)), int(stamp, 16)
        except (binascii.Error, ValueError) as error:
            raise ApiError(50100, "invalid cursor") from error
        if cursor.seq > LARGEST_SEQ:
            raise ApiError(50100, "invalid cursor")
        if account != _stamp(open_kfid):
            raise ApiError(50100, "invalid cursor: it belongs to another open_kfid")
        return cursor


class Timeline:
    """The table of messages."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def append(
        self,
        open_kfid: str,
        external_userid: str,
        origin: Origin,
        msgtype: str,
        content: dict[str, Any],
        *,
        at: int,
        msgid: str = "",
        servicer: str = "",
    ) -> Message:
        """Add at the end; a msgid used before at this account is refused with 95033."""
        name = msgid or new_msgid()
        try:
            seq = self._store.insert(
                "messages",
                msgid=name,
                open_kfid=open_kfid,
                external_userid=external_userid,
                origin=int(origin),
                servicer=servicer,
                msgtype=msgtype,
                body=json.dumps(content, ensure_ascii=False),
                at=at,
            )
        except sqlite3.IntegrityError as error:
            raise ApiError(95033, "msgid repeated") from error
        return Message(
            seq,
            name,
            open_kfid,
            external_userid,
            origin,
            servicer,
            msgtype,
            content,
            at,
            Fate.DELIVERED,
        )

    def has(self, open_kfid: str, msgid: str) -> bool:
        """Whether this msgid was used at this account."""
        return self.find(open_kfid, msgid) is not None

    def find(self, open_kfid: str, msgid: str) -> Message | None:
        """One message by its id."""
        row = self._store.one(
            "SELECT * FROM messages WHERE open_kfid = ? AND msgid = ?", open_kfid, msgid
        )
        return _message(row) if row else None

    def page(self, open_kfid: str, after: int, limit: int, now: int) -> list[Message]:
        """What sync_msg may show after a place: three days back, none of the API's own."""
        rows = self._store.all(
            "SELECT * FROM messages WHERE open_kfid = ? AND seq > ? AND origin <> 0"
            " AND at >= ? ORDER BY seq LIMIT ?",
            open_kfid,
            after,
            now - HISTORY_SECONDS,
            limit,
        )
        return [_message(row) for row in rows]

    def of_customer(self, external_userid: str, *, last: int = 300) -> list[Message]:
        """The latest part of a customer's history, oldest first."""
        rows = self._store.all(
            "SELECT * FROM (SELECT * FROM messages WHERE external_userid = ?"
            " ORDER BY seq DESC LIMIT ?) ORDER BY seq",
            external_userid,
            last,
        )
        return [_message(row) for row in rows]

    def received(self) -> dict[str, int]:
        """How many messages from the shop have reached each customer."""
        rows = self._store.all(
            "SELECT external_userid, COUNT(*) AS messages FROM messages"
            " WHERE origin IN (?, ?) AND state = ? GROUP BY external_userid",
            Origin.API,
            Origin.SERVICER,
            Fate.DELIVERED.value,
        )
        return {row["external_userid"]: row["messages"] for row in rows}

    def set_fate(self, message: Message, fate: Fate) -> None:
        """Record that a message failed or was recalled."""
        self._store.run("UPDATE messages SET state = ? WHERE seq = ?", fate.value, message.seq)


def new_msgid() -> str:
    """An id in the platform's alphabet, 32 characters."""
    return secrets.token_urlsafe(24)


def _stamp(open_kfid: str) -> int:
    return zlib.crc32(open_kfid.encode())


def _message(row: sqlite3.Row) -> Message:
    return Message(
        row["seq"],
        row["msgid"],
        row["open_kfid"],
        row["external_userid"],
        Origin(row["origin"]),
        row["servicer"],
        row["msgtype"],
        json.loads(row["body"]),
        row["at"],
        Fate(row["state"]),
    )
