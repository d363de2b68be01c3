"""Tokens that replicas share through the store."""

from __future__ import annotations

from bot.store.database import Database
from bot.store.tables import SharedSecret
from bot.store.upsert import put
from bot.wecom.tokens import Token


class StoredTokens:
    """`SharedTokens` on the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, name: str) -> Token | None:
        async with self._database.read() as session:
            row = await session.get(SharedSecret, name)
        return None if row is None else Token(row.value, row.expires_at)

    async def save(self, name: str, token: Token) -> None:
        row = {"value": token.value, "expires_at": token.expires_at}
        async with self._database.write() as session:
            await put(
                session,
                SharedSecret,
                [{"name": name, **row}],
                unique=["name"],
                change=list(row),
            )
