"""The WeChat users who may write to the shop."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from .errors import UnknownSubject
from .storage import Store

SELECT = (
    "SELECT external_userid, nickname, gender, sketch, sketch_en, face, refuses, read_seq"
    " FROM customers"
)


@dataclass(frozen=True, slots=True)
class Customer:
    """A WeChat user; `refuses` when they block the shop's messages."""

    external_userid: str
    nickname: str
    gender: int
    sketch: str
    sketch_en: str
    face: str
    refuses: bool
    read_seq: int


class Customers:
    """The table of customers, and how far each has read."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[Customer]:
        """In the order in which they came."""
        return [_customer(row) for row in self._store.all(f"{SELECT} ORDER BY position")]

    def get(self, external_userid: str) -> Customer:
        """One; raises `UnknownSubject`."""
        row = self._store.one(f"{SELECT} WHERE external_userid = ?", external_userid)
        if row is None:
            raise UnknownSubject(f"沙盒里没有 external_userid 为 {external_userid} 的客户")
        return _customer(row)

    def add(self, external_userid: str, nickname: str, *, sketch: str, face: str) -> None:
        """Someone new at the end; adding again changes nothing."""
        self._store.run(
            "INSERT OR IGNORE INTO customers (external_userid, position, nickname, gender,"
            " sketch, sketch_en, face) SELECT ?, 1 + COUNT(*), ?, 0, ?, ?, ? FROM customers",
            external_userid,
            nickname,
            sketch,
            sketch,
            face,
        )

    def mark_read(self, external_userid: str) -> None:
        """Everything so far has been looked at."""
        self._store.run(
            "UPDATE customers SET read_seq = COALESCE((SELECT MAX(seq) FROM messages"
            " WHERE external_userid = ?), 0) WHERE external_userid = ?",
            external_userid,
            external_userid,
        )

    def unread(self, external_userid: str) -> int:
        """Delivered messages of the shop that have not been looked at."""
        return int(
            self._store.value(
                "SELECT COUNT(*) FROM messages m JOIN customers c USING (external_userid)"
                " WHERE c.external_userid = ? AND m.seq > c.read_seq AND m.state = ''"
                " AND m.origin IN (0, 5)",
                external_userid,
            )
        )


def _customer(row: sqlite3.Row) -> Customer:
    return Customer(**{**dict(row), "refuses": bool(row["refuses"])})
