"""Customer groups: who is in them, and what the API shows of it about two seconds later."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .errors import UnknownSubject
from .storage import Store

LAG_SECONDS = 2
MOST_MEMBERS = 500
INVITED, BY_LINK, BY_CODE = 1, 2, 3
COLLEAGUE, OUTSIDE = 1, 2


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a group; `kind` is 1 for a colleague and 2 for somebody from outside."""

    userid: str
    kind: int
    name: str
    join_time: int
    join_scene: int
    invitor: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A group as it was at one moment; `version` names the state of its members."""

    chat_id: str
    name: str
    owner: str
    created_at: int
    version: str
    notice: str = ""
    admins: tuple[str, ...] = ()
    members: tuple[Member, ...] = field(default_factory=tuple)
    dismissed: bool = False
    spoken_at: int = 0
    template_id: str = ""

    def has(self, userid: str) -> bool:
        return any(member.userid == userid for member in self.members)


class Groups:
    """The table of groups: every change adds a state, and the API reads an older one."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[Group]:
        """Every group as it is, dismissed ones too, in the order of their making."""
        rows = self._store.all(
            "SELECT body FROM group_states WHERE seq IN"
            " (SELECT MAX(seq) FROM group_states GROUP BY chat_id) ORDER BY chat_id"
        )
        found = [_read(row["body"]) for row in rows]
        return sorted(found, key=lambda group: (group.created_at, group.chat_id))

    def get(self, chat_id: str) -> Group:
        """One group as it really is; raises `UnknownSubject`."""
        row = self._store.one(
            "SELECT body FROM group_states WHERE chat_id = ? ORDER BY seq DESC LIMIT 1", chat_id
        )
        if row is None:
            raise UnknownSubject(f"沙盒里没有群 {chat_id}")
        return _read(row["body"])

    def seen(self, chat_id: str, now: int) -> Group | None:
        """One group as the API tells it: up to two seconds behind, though never before its
        making; that it was dismissed is known at once."""
        row = self._store.one(
            "SELECT body FROM group_states WHERE chat_id = ? AND at <= ?"
            " ORDER BY seq DESC LIMIT 1",
            chat_id,
            now - LAG_SECONDS,
        ) or self._store.one(
            "SELECT body FROM group_states WHERE chat_id = ? ORDER BY seq LIMIT 1", chat_id
        )
        if row is None:
            return None
        return replace(_read(row["body"]), dismissed=self.get(chat_id).dismissed)

    def make(self, name: str, owner: str, members: tuple[Member, ...], now: int) -> Group:
        """A new group with its owner in it."""
        group = Group(
            chat_id=f"wrSandbox{secrets.token_hex(11)}",
            name=name,
            owner=owner,
            created_at=now,
            version=secrets.token_hex(16),
            members=members,
        )
        return self._write(group, now)

    def change(self, group: Group, now: int, **values: Any) -> Group:
        """The group with some of it different."""
        return self._write(replace(group, **values), now)

    def _write(self, group: Group, now: int) -> Group:
        body = json.dumps(asdict(group), ensure_ascii=False)
        self._store.insert("group_states", chat_id=group.chat_id, at=now, body=body)
        self._store.run(
            "DELETE FROM group_states WHERE chat_id = ? AND seq < (SELECT MAX(seq)"
            " FROM group_states WHERE chat_id = ? AND at <= ?)",
            group.chat_id,
            group.chat_id,
            now - LAG_SECONDS,
        )
        return group


def _read(text: str) -> Group:
    body = json.loads(text)
    members = tuple(Member(**one) for one in body.pop("members"))
    admins = tuple(body.pop("admins"))
    return Group(**body, admins=admins, members=members)
