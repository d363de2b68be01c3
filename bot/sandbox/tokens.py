"""Access tokens, the short-lived tokens of pushes, and single-use reply codes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from .errors import ApiError
from .sessions import State
from .storage import Store

ACCESS_SECONDS = 7200
SYNC_SECONDS = 600
WELCOME_SECONDS = 20
REPLY_CODE_SECONDS = 48 * 3600


class AccessTokens:
    """One valid token at a time for the one app of this corp."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def current(self, now: int) -> tuple[str, int]:
        """The valid token and its remaining seconds; asking again gives the same one."""
        row = self._store.one(
            "SELECT token, expires_at FROM access_tokens WHERE revoked = 0 AND expires_at > ?"
            " ORDER BY expires_at DESC",
            now,
        )
        if row is not None:
            return row["token"], row["expires_at"] - now
        token = secrets.token_urlsafe(96)
        self._store.insert("access_tokens", token=token, expires_at=now + ACCESS_SECONDS)
        return token, ACCESS_SECONDS

    def check(self, token: str, now: int) -> None:
        """Refuse a missing, unknown, revoked or expired token."""
        if not token:
            raise ApiError(41001, "access_token missing")
        row = self._store.one("SELECT * FROM access_tokens WHERE token = ?", token)
        if row is None:
            raise ApiError(40014, "invalid access_token")
        if row["revoked"] or row["expires_at"] <= now:
            raise ApiError(42001, "access_token expired")

    def revoke_all(self) -> None:
        """Withdraw every token before its time, as the platform may."""
        self._store.run("UPDATE access_tokens SET revoked = 1")


class SyncTokens:
    """The Token inside a push: it lets sync_msg through for ten minutes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def issue(self, open_kfid: str, now: int) -> str:
        """A new token for one push."""
        token = "ENC" + secrets.token_urlsafe(36)
        self._store.run("DELETE FROM sync_tokens WHERE expires_at < ?", now)
        self._store.insert(
            "sync_tokens", token=token, open_kfid=open_kfid, expires_at=now + SYNC_SECONDS
        )
        return token

    def check(self, token: str, open_kfid: str, now: int) -> None:
        """Refuse a token that is unknown, expired or another account's."""
        row = self._store.one("SELECT * FROM sync_tokens WHERE token = ?", token)
        if row is None or row["expires_at"] < now or row["open_kfid"] != open_kfid:
            raise ApiError(95007, "invalid or expired msg token")


@dataclass(frozen=True, slots=True)
class ReplyCode:
    """Permission for one message outside the window; `state` None for a welcome."""

    code: str
    open_kfid: str
    external_userid: str
    kind: str
    state: int | None
    expires_at: int
    used: int

    @property
    def msgtypes(self) -> frozenset[str]:
        """Menus only at the beginning and the end of a session."""
        both = self.kind in {"welcome", "end"}
        return frozenset({"text", "msgmenu"} if both else {"text"})


class ReplyCodes:
    """The table of codes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def issue(
        self, open_kfid: str, external_userid: str, kind: str, state: State | None, now: int
    ) -> str:
        """A new code: 20 seconds for a welcome and a farewell, else 48 hours."""
        code = secrets.token_urlsafe(24)
        life = WELCOME_SECONDS if kind in {"welcome", "end"} else REPLY_CODE_SECONDS
        self._store.insert(
            "event_codes",
            code=code,
            open_kfid=open_kfid,
            external_userid=external_userid,
            kind=kind,
            state=None if state is None else int(state),
            expires_at=now + life,
        )
        return code

    def require(self, code: str, now: int) -> ReplyCode:
        """The code if it may still be used."""
        row = self._store.one("SELECT * FROM event_codes WHERE code = ?", code)
        if row is None or row["used"] or row["expires_at"] < now:
            raise ApiError(95007, "invalid msg code: unknown, used or expired")
        return ReplyCode(**dict(row))

    def spend(self, code: ReplyCode) -> None:
        """Mark it used."""
        self._store.run("UPDATE event_codes SET used = 1 WHERE code = ?", code.code)
