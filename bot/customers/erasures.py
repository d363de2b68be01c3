"""Who was erased: recognised by a digest, unknown until they come back by themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.contact_tables import Erasure


def digest_of(external_userid: str) -> str:
    """Under which an erased customer is recognised without being known."""
    return hashlib.sha256(f"erased:{external_userid}".encode()).hexdigest()


async def erased_among(session: AsyncSession, ids: Collection[str]) -> dict[str, datetime]:
    """Those of these ids that were erased and have not come back, with when."""
    digests = {digest_of(who): who for who in ids}
    rows = await session.execute(
        select(Erasure.digest, Erasure.at).where(
            Erasure.digest.in_(digests), Erasure.returned_at.is_(None)
        )
    )
    return {digests[digest]: at for digest, at in rows}


async def erased_since(
    session: AsyncSession, ids: Collection[str], *, since: datetime
) -> dict[str, datetime]:
    """When these people were last erased, if after `since`, whether they came back or not."""
    digests = {digest_of(who): who for who in ids}
    rows = await session.execute(
        select(Erasure.digest, func.max(Erasure.at, type_=Erasure.at.type))
        .where(Erasure.digest.in_(digests), Erasure.at > since)
        .group_by(Erasure.digest)
    )
    return {digests[digest]: at for digest, at in rows}


async def note_return(session: AsyncSession, ids: Collection[str], *, now: datetime) -> None:
    """These people came to us by themselves and may be known again."""
    if ids:
        await session.execute(
            update(Erasure)
            .where(
                Erasure.digest.in_([digest_of(who) for who in ids]),
                Erasure.returned_at.is_(None),
            )
            .values(returned_at=now)
            .execution_options(synchronize_session=False)
        )
