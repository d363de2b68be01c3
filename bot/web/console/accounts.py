"""Who may open the console: names and argon2 hashes of their passwords."""

from __future__ import annotations

import asyncio
import functools
import re
import secrets
from collections.abc import Sequence

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.errors import Conflict, NotFound, Unprocessable
from bot.store.database import Database
from bot.store.tables import ConsoleRole, ConsoleSession, ConsoleUser
from bot.store.upsert import insert_new

FIRST_USER = "admin"
LEAST_PASSWORD, MAX_PASSWORD = 10, 256
_NAME = re.compile(r"[\w.-]{2,32}")
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is misread from a terminal
# RFC 9106 leaves memory to the machine: 19 MiB keeps a small shop server responsive.
HASHER = PasswordHasher(time_cost=3, memory_cost=19 * 1024, parallelism=1)


async def ensure_first_user(database: Database, clock: Clock) -> str | None:
    """Create `admin` where no operator is yet; returns the password to print, else None."""
    operators = select(ConsoleUser.name).where(ConsoleUser.role == ConsoleRole.OPERATOR)
    async with database.read() as session:
        if await session.scalar(operators.limit(1)) is not None:
            return None
    password = new_password()
    row = {
        "name": FIRST_USER,
        "password_hash": await asyncio.to_thread(HASHER.hash, password),
        "role": ConsoleRole.OPERATOR,
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


async def accounts(database: Database) -> Sequence[ConsoleUser]:
    """Everybody, those who may sign in first."""
    async with database.read() as session:
        return (
            await session.scalars(
                select(ConsoleUser).order_by(
                    ConsoleUser.disabled_at.is_not(None), ConsoleUser.created_at, ConsoleUser.name
                )
            )
        ).all()


async def add_account(database: Database, clock: Clock, name: str, role: ConsoleRole) -> str:
    """Somebody new; returns the password to hand over. Raises `Unprocessable` or `Conflict`."""
    if not _NAME.fullmatch(name):
        raise Unprocessable("账号名用 2–32 个字母、数字、汉字或 . _ -，不留空格")
    password = new_password()
    row = {
        "name": name,
        "password_hash": await asyncio.to_thread(HASHER.hash, password),
        "role": role,
        "created_at": clock.now(),
    }
    async with database.write() as session:
        made = await insert_new(
            session, ConsoleUser, [row], unique=["name"], returning=ConsoleUser.name
        )
    if not made:
        raise Conflict(f"已经有名为 {name} 的账号，请换一个名字")
    return password


async def change_role(database: Database, name: str, role: ConsoleRole) -> None:
    """Let somebody do more or less; raises `Conflict` for the last operator."""
    async with database.write() as session:
        user = await _account(session, name)
        if role is not ConsoleRole.OPERATOR:
            await _spare_last_operator(session, name)
        user.role = role


async def disable(database: Database, clock: Clock, name: str) -> None:
    """Let somebody in no more, and sign them out at once; what they did stays."""
    async with database.write() as session:
        user = await _account(session, name)
        await _spare_last_operator(session, name)
        user.disabled_at = user.disabled_at or clock.now()
        await session.execute(delete(ConsoleSession).where(ConsoleSession.user == name))


async def enable(database: Database, name: str) -> None:
    """Let somebody in again, with the password that they had."""
    async with database.write() as session:
        (await _account(session, name)).disabled_at = None


async def change_password(database: Database, name: str, new: str, *, keep: str) -> None:
    """One's own new password; signs out everywhere but in the session whose digest is `keep`."""
    if not LEAST_PASSWORD <= len(new) <= MAX_PASSWORD:
        raise Unprocessable(f"新密码至少 {LEAST_PASSWORD} 位，最多 {MAX_PASSWORD} 位")
    hashed = await asyncio.to_thread(HASHER.hash, new)
    async with database.write() as session:
        (await _account(session, name)).password_hash = hashed
        await session.execute(
            delete(ConsoleSession).where(
                ConsoleSession.user == name, ConsoleSession.digest != keep
            )
        )


async def note_sign_in(database: Database, clock: Clock, name: str) -> None:
    """Remember when somebody came last."""
    async with database.write() as session:
        await session.execute(
            update(ConsoleUser).where(ConsoleUser.name == name).values(signed_in_at=clock.now())
        )


async def _account(session: AsyncSession, name: str) -> ConsoleUser:
    user = await session.get(ConsoleUser, name, with_for_update=True)
    if user is None:
        raise NotFound(f"没有名为 {name[:64]} 的账号，请刷新页面再看")
    return user


async def _spare_last_operator(session: AsyncSession, name: str) -> None:
    operators = await session.scalars(
        select(ConsoleUser.name)
        .where(ConsoleUser.role == ConsoleRole.OPERATOR, ConsoleUser.disabled_at.is_(None))
        .order_by(ConsoleUser.name)
        .with_for_update()
    )
    if set(operators) == {name}:
        raise Conflict("这是最后一位管理员，请先让别人也成为管理员")


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
        return await self.proof(database, name, password) is not None

    async def proof(self, database: Database, name: str, password: str) -> str | None:
        """The hash that this password fits; None when it is not the user's.

        It is a proof for as long as the hash is the user's: a reset may come meanwhile.
        """
        async with database.read() as session:
            stored = await session.scalar(
                select(ConsoleUser.password_hash).where(
                    ConsoleUser.name == name, ConsoleUser.disabled_at.is_(None)
                )
            )
        async with self._one_hash:
            right = await asyncio.to_thread(_verify, stored, password[:MAX_PASSWORD])
            renewed = (
                await asyncio.to_thread(HASHER.hash, password)
                if right and stored and HASHER.check_needs_rehash(stored)
                else None
            )
        if not right:
            return None
        if renewed and await _renew(database, name, stored, renewed):
            return renewed
        return stored


async def _renew(database: Database, name: str, old: str | None, new: str) -> bool:
    async with database.write() as session:
        renewed = await session.scalar(
            update(ConsoleUser)
            .where(ConsoleUser.name == name, ConsoleUser.password_hash == old)
            .values(password_hash=new)
            .returning(ConsoleUser.name)
        )
    return renewed is not None


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
