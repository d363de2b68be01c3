"""Signed-in browsers: a random cookie of which the store keeps only a digest."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web
from sqlalchemy import delete, select

from bot.clock import Clock
from bot.store.database import Database
from bot.store.tables import ConsoleRole, ConsoleSession, ConsoleUser
from bot.web.keys import SETTINGS

COOKIE = "wecom_console"
PATH = "/console"


@dataclass(frozen=True, slots=True)
class Signed:
    """Who is signed in, and the token that their unsafe requests must carry."""

    user: str
    role: ConsoleRole
    csrf: str
    digest: str


async def open_session(
    database: Database, clock: Clock, *, user: str, proof: str, hours: int
) -> str | None:
    """A new session; returns the token for the cookie. Sweeps out what has expired.

    None when `proof` is the user's hash no longer: whoever changes it signs out everywhere, and
    that includes a browser that is just signing in.
    """
    token = secrets.token_urlsafe(32)
    digest, csrf, now = _digest(token), secrets.token_urlsafe(32), clock.now()
    async with database.write() as session:
        await session.execute(delete(ConsoleSession).where(ConsoleSession.expires_at <= now))
        account = await session.get(ConsoleUser, user, with_for_update={"key_share": True})
        if account is None or account.password_hash != proof:
            return None
        session.add(
            ConsoleSession(
                digest=digest,
                user=user,
                csrf=csrf,
                expires_at=now + timedelta(hours=hours),
            )
        )
    return token


async def find_session(database: Database, clock: Clock, token: str | None) -> Signed | None:
    """The session of a cookie, unless it is unknown or over."""
    return await find_by_digest(database, clock, _digest(token)) if token else None


async def find_by_digest(database: Database, clock: Clock, digest: str) -> Signed | None:
    """The session, unless it is over or its user may not sign in any more."""
    async with database.read() as session:
        found = (
            await session.execute(
                select(ConsoleSession, ConsoleUser.role)
                .join(ConsoleUser, ConsoleUser.name == ConsoleSession.user)
                .where(
                    ConsoleSession.digest == digest,
                    ConsoleSession.expires_at > clock.now(),
                    ConsoleUser.disabled_at.is_(None),
                )
            )
        ).one_or_none()
    if found is None:
        return None
    row, role = found
    return Signed(user=row.user, role=ConsoleRole(role), csrf=row.csrf, digest=row.digest)


async def close_session(database: Database, digest: str) -> None:
    async with database.write() as session:
        await session.execute(delete(ConsoleSession).where(ConsoleSession.digest == digest))


def set_cookie(
    response: web.StreamResponse, request: web.Request, token: str, *, hours: int
) -> None:
    """Hand out the token. Lax: a link from a chat may open the inbox, a foreign form may not."""
    response.set_cookie(
        COOKIE,
        token,
        path=PATH,
        max_age=hours * 3600,
        httponly=True,
        samesite="Lax",
        secure=is_secure(request),
    )


def drop_cookie(response: web.StreamResponse) -> None:
    response.del_cookie(COOKIE, path=PATH)


def is_secure(request: web.Request) -> bool:
    """Whether cookies get the Secure flag: as set, else when this request came by https."""
    chosen = request.app[SETTINGS].console.secure_cookie
    if chosen is not None:
        return chosen
    # A forged header could only make the forger's own cookie stricter.
    return request.secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
