"""The names of the tags that a customer bears, kept beside the customer for quick reading."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.customers.follows import OPEN
from bot.store.contact_tables import CorpTag, Follow, FollowTag
from bot.store.database import Database
from bot.store.tables import Customer

_CHUNK = 400
_DOOR = func.hashtext("names of tags")


async def tag_labels(
    session: AsyncSession, ids: Collection[str], *, deleted: bool = False
) -> dict[str, str]:
    """The names of these tags, as far as they are known; of deleted ones only if asked for."""
    if not ids:
        return {}
    wanted = select(CorpTag.tag_id, CorpTag.name).where(CorpTag.tag_id.in_(sorted(ids)))
    if not deleted:
        wanted = wanted.where(CorpTag.deleted_at.is_(None))
    return {row.tag_id: row.name for row in await session.execute(wanted)}


async def hold_tag_names(session: AsyncSession) -> None:
    """Until this transaction ends, the bearers of a renamed tag are not looked for.

    It may be writing down names that it read before the change; its customers bear the tag for
    everybody else only from then on.
    """
    if _is_postgres(session):
        await session.execute(select(func.pg_advisory_xact_lock_shared(_DOOR)))


async def refresh_tag_names(session: AsyncSession, ids: Iterable[str]) -> None:
    """Set `Customer.tags` from the tags of open relations; deleted tags no longer count."""
    wanted = sorted(set(ids))
    if wanted:
        await hold_tag_names(session)
    for start in range(0, len(wanted), _CHUNK):
        await _refresh(session, wanted[start : start + _CHUNK])


async def _refresh(session: AsyncSession, ids: list[str]) -> None:
    bearers = await session.execute(
        select(Customer.external_userid, Customer.tags)
        .where(Customer.external_userid.in_(ids))
        .order_by(Customer.external_userid)
        .with_for_update(key_share=True)
    )
    before: dict[str, list[str]] = {row.external_userid: row.tags for row in bearers}
    rows = await session.execute(
        select(FollowTag.external_userid, CorpTag.name)
        .join(
            Follow,
            (Follow.userid == FollowTag.userid)
            & (Follow.external_userid == FollowTag.external_userid),
        )
        .join(CorpTag, CorpTag.tag_id == FollowTag.tag_id)
        .where(
            FollowTag.external_userid.in_(ids),
            Follow.state.in_(OPEN),
            CorpTag.deleted_at.is_(None),
        )
        .distinct()
        .order_by(CorpTag.name)
    )
    names: dict[str, list[str]] = {who: [] for who in before}
    for who, name in rows:
        names[who].append(name)
    changed = [
        {"external_userid": who, "tags": tags}
        for who, tags in names.items()
        if tags != before[who]
    ]
    if changed:
        await session.execute(update(Customer), changed)


class TagNameKeeper:
    """After a tag was renamed or deleted, its bearers follow, a few hundred a transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def tick(self) -> None:
        """Bring all that waits up to date; goes on where it was after a restart."""
        while await self._step():
            pass

    async def _step(self) -> bool:
        async with self._database.read() as session:
            tag = await session.scalar(
                select(CorpTag).where(CorpTag.refresh_from.is_not(None)).limit(1)
            )
        if tag is None:
            return False
        if not tag.refresh_from and not await self._all_have_written():
            return False  # the next tick comes back to it
        async with self._database.write() as session:
            bearers = (
                await session.scalars(
                    select(FollowTag.external_userid)
                    .where(
                        FollowTag.tag_id == tag.tag_id,
                        FollowTag.external_userid > (tag.refresh_from or ""),
                    )
                    .distinct()
                    .order_by(FollowTag.external_userid)
                    .limit(_CHUNK)
                )
            ).all()
            await refresh_tag_names(session, bearers)
            await session.execute(
                update(CorpTag)
                .where(CorpTag.tag_id == tag.tag_id, CorpTag.refresh_from == tag.refresh_from)
                .values(refresh_from=bearers[-1] if len(bearers) == _CHUNK else None)
            )
        return True

    async def _all_have_written(self) -> bool:
        """Whether nobody is under way who may have read names before the change."""
        if self._database.is_sqlite:
            return True
        async with self._database.write() as session:
            return bool(await session.scalar(select(func.pg_try_advisory_xact_lock(_DOOR))))


def _is_postgres(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "postgresql"
