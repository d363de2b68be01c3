"""Who may open the console: names and argon2 hashes of their passwords."""

from __future__ import annotations

import asyncio
import functools
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select, update

from bot.clock import Clock
from bot.errors import NotFound
from bot.store.database import Database
from bot.store.tables import ConsoleSession, ConsoleUser
from bot.store.upsert import insert_new

FIRST_USER = "admin"
MAX_PASSWORD = 256
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is misread from a terminal
# RFC 9106 leaves memory to the machine: 19 MiB keeps a small shop server responsive.
HASHER = PasswordHasher(time_cost=3, memory_cost=19 * 1024, parallelism=1)


async def ensure_first_user(database: Database, clock: Clock) -> str | None:
    """Create `admin` in an empty console; returns the password to print, else None."""
    async with database.read() as session:
        if await session.scalar(select(ConsoleUser.name).limit(1)) is not None:
            return None
    password = new_password()
    row = {
        "name": FIRST_USER,
        "password_hash": await asyncio.to_thread(HASHER.hash, password),
        "created_at": clock.now(),
    }
    async with database.write() as session:
        made = await insert_new(
            session, ConsoleUser, [row], unique=["name"], returning=ConsoleUser.name
        )
    return password if made else None


async def reset_password(database: Database, clock: Clock, name: str) -> str:
    """Give a user a new random password and sign them out everywhere.

    Raises `NotFound` with the names that exist.
    """
    password = new_password()
    hashed = await asyncio.to_thread(HASHER.hash, password)
    async with database.write() as session:
        user = await session.get(ConsoleUser, name)
        if user is None:
            names = (await session.scalars(select(ConsoleUser.name))).all()
            known = "现有用户：" + "、".join(names) if names else "请先运行 wecom-bot serve"
            raise NotFound(f"没有名为 {name} 的用户；{known}")
        user.password_hash = hashed
        await session.execute(delete(ConsoleSession).where(ConsoleSession.user == name))
    return password


def new_password() -> str:
    """Sixteen letters and digits (79 bits) in groups of four."""
    letters = [secrets.choice(_ALPHABET) for _ in range(16)]
    return "-".join("".join(letters[start : start + 4]) for start in range(0, 16, 4))


class Accounts:
    """Checks passwords, one at a time so that many attempts cannot eat the memory."""

    def __init__(self) -> None:
        self._one_hash = asyncio.Lock()

    async def check(self, database: Database, name: str, password: str) -> bool:
        """Whether this is the user's password; takes as long for names that do not exist."""
        async with database.read() as session:
            stored = await session.scalar(
                select(ConsoleUser.password_hash).where(ConsoleUser.name == name)
            )
        async with self._one_hash:
            right = await asyncio.to_thread(_verify, stored, password[:MAX_PASSWORD])
            renewed = (
                await asyncio.to_thread(HASHER.hash, password)
                if right and stored and HASHER.check_needs_rehash(stored)
                else None
            )
        if renewed:
            await _renew(database, name, stored, renewed)
        return right


async def _renew(database: Database, name: str, old: str | None, new: str) -> None:
    async with database.write() as session:
        await session.execute(
            update(ConsoleUser)
            .where(ConsoleUser.name == name, ConsoleUser.password_hash == old)
            .values(password_hash=new)
        )


def _verify(stored: str | None, password: str) -> bool:
    nobody = _nobodys_hash()
    try:
        HASHER.verify(stored or nobody, password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


@functools.cache
def _nobodys_hash() -> str:
    return HASHER.hash(secrets.token_hex(16))
