"""One person under several ids: WeCom tells by the unionid, where it is known."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.tables import Customer


async def same_person(session: AsyncSession, external_userid: str) -> list[str]:
    """All ids of this person, the given one first; only known customers."""
    customer = await session.get(Customer, external_userid)
    if customer is None:
        return []
    if not customer.unionid:
        return [external_userid]
    others = await session.scalars(
        select(Customer.external_userid)
        .where(Customer.unionid == customer.unionid, Customer.external_userid != external_userid)
        .order_by(Customer.external_userid)
    )
    return [external_userid, *others]


async def lock_customer(session: AsyncSession, external_userid: str) -> None:
    """Whoever writes to a customer and their relations takes the customer first."""
    await lock_customers(session, [external_userid])


async def lock_customers(session: AsyncSession, ids: Collection[str]) -> None:
    """All of them in the order of their ids, so that no two wait for each other.

    Rows that refer to a customer may be added meanwhile.
    """
    await session.execute(
        select(Customer.external_userid)
        .where(Customer.external_userid.in_(sorted(ids)))
        .order_by(Customer.external_userid)
        .with_for_update(key_share=True)
    )
