"""Who is whose friend: guides and customers, welcome codes, and the tags that guides see."""

from __future__ import annotations

import json
import secrets
import sqlite3
from dataclasses import dataclass

from .errors import ApiError
from .storage import Store

WELCOME_SECONDS = 20
BY_CUSTOMER, BY_GUIDE = "customer", "guide"


@dataclass(frozen=True, slots=True)
class Friendship:
    """One guide and one customer; `ended` says who deleted whom, empty while they are friends."""

    userid: str
    external_userid: str
    since: int
    channel: str
    add_way: int
    half: bool
    ended: str
    remark: str
    description: str
    company: str
    mobiles: list[str]

    @property
    def answers(self) -> bool:
        """Whether the API still knows the pair: it does when only the customer left."""
        return not self.half and self.ended != BY_GUIDE


@dataclass(frozen=True, slots=True)
class WelcomeCode:
    """Permission for one greeting within 20 seconds."""

    code: str
    userid: str
    external_userid: str
    expires_at: int
    used: bool
    consent: bool


class Friends:
    """The tables of friendships, their tags and welcome codes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, userid: str, external_userid: str) -> Friendship | None:
        """One pair, also one that ended."""
        row = self._store.one(
            "SELECT * FROM friendships WHERE userid = ? AND external_userid = ?",
            userid,
            external_userid,
        )
        return _friendship(row) if row else None

    def require(self, userid: str, external_userid: str) -> Friendship:
        """The pair as the API knows it, else 84061."""
        found = self.find(userid, external_userid)
        if found is None or not found.answers:
            raise ApiError(84061, "not external contact")
        return found

    def of_guide(self, userid: str) -> list[Friendship]:
        """The customers of one guide, oldest first."""
        rows = self._store.all(
            "SELECT * FROM friendships WHERE userid = ? ORDER BY since, external_userid", userid
        )
        return [one for one in map(_friendship, rows) if one.answers]

    def of_customer(self, external_userid: str, *, half: bool = False) -> list[Friendship]:
        """The guides of one customer, oldest first; those half added only if asked for."""
        rows = self._store.all(
            "SELECT * FROM friendships WHERE external_userid = ? ORDER BY since, userid",
            external_userid,
        )
        found = map(_friendship, rows)
        return [one for one in found if one.answers or (half and one.half)]

    def begin(
        self,
        userid: str,
        external_userid: str,
        *,
        channel: str,
        half: bool,
        now: int,
        add_way: int = 1,
    ) -> None:
        """They become friends, for the first time or again."""
        self._store.run(
            "INSERT INTO friendships (userid, external_userid, since, channel, half, add_way)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (userid, external_userid) DO UPDATE SET"
            " since = excluded.since, channel = excluded.channel, half = excluded.half,"
            " add_way = excluded.add_way, ended = ''",
            userid,
            external_userid,
            now,
            channel,
            int(half),
            add_way,
        )

    def confirm(self, userid: str, external_userid: str) -> bool:
        """The guide adds back a customer who is only half a friend."""
        return bool(
            self._store.run(
                "UPDATE friendships SET half = 0 WHERE userid = ? AND external_userid = ?"
                " AND half = 1 AND ended = ''",
                userid,
                external_userid,
            )
        )

    def end(self, userid: str, external_userid: str, *, by: str) -> bool:
        """One deletes the other; False when there was nothing to end."""
        return bool(
            self._store.run(
                "UPDATE friendships SET ended = ? WHERE userid = ? AND external_userid = ?"
                " AND ended = ''",
                by,
                userid,
                external_userid,
            )
        )

    def issue_code(
        self, userid: str, external_userid: str, now: int, *, consent: bool = True
    ) -> str:
        """A new welcome code; it expires 20 seconds after the event."""
        code = "CODE" + secrets.token_urlsafe(30)
        self._store.insert(
            "welcome_codes",
            code=code,
            userid=userid,
            external_userid=external_userid,
            expires_at=now + WELCOME_SECONDS,
            consent=int(consent),
        )
        return code

    def welcomed(self, userid: str, external_userid: str) -> bool:
        """Whether a code of this pair was used already."""
        found = self._store.value(
            "SELECT 1 FROM welcome_codes WHERE userid = ? AND external_userid = ? AND used = 1",
            userid,
            external_userid,
        )
        return found is not None

    def spend_code(self, code: str, now: int) -> WelcomeCode:
        """The code, used up by this; 41050, 41051 or 41053 when it cannot be used."""
        row = self._store.one("SELECT * FROM welcome_codes WHERE code = ?", code)
        if row is None:
            raise ApiError(41050, "invalid welcome_code")
        if row["used"]:
            raise ApiError(41051, "the customer has been welcomed or is chatting already")
        if row["expires_at"] < now:
            raise ApiError(41050, "welcome_code expired: 20 seconds have passed")
        if not row["consent"]:
            raise ApiError(41053, "the customer has not consented to archiving yet")
        self._store.run("UPDATE welcome_codes SET used = 1 WHERE code = ?", code)
        return WelcomeCode(
            row["code"], row["userid"], row["external_userid"], row["expires_at"], True, True
        )

    def tag_ids(self, userid: str, external_userid: str) -> list[str]:
        """The tags of one pair."""
        rows = self._store.all(
            "SELECT tag_id FROM friend_tags WHERE userid = ? AND external_userid = ?"
            " ORDER BY tag_id",
            userid,
            external_userid,
        )
        return [row["tag_id"] for row in rows]

    def mark(
        self, userid: str, external_userid: str, *, add: list[str], remove: list[str]
    ) -> None:
        """Put tags on a pair and take others off."""
        for tag_id in remove:
            self._store.run(
                "DELETE FROM friend_tags WHERE userid = ? AND external_userid = ? AND tag_id = ?",
                userid,
                external_userid,
                tag_id,
            )
        for tag_id in add:
            self._store.run(
                "INSERT OR IGNORE INTO friend_tags VALUES (?, ?, ?)",
                userid,
                external_userid,
                tag_id,
            )


def _friendship(row: sqlite3.Row) -> Friendship:
    values = {**dict(row), "half": bool(row["half"]), "mobiles": json.loads(row["mobiles"])}
    return Friendship(**values)
