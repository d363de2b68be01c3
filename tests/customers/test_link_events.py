from __future__ import annotations

from corp import START
from sqlalchemy import select

from bot.customers.link_events import apply
from bot.store.channel_tables import Channel
from bot.store.database import Database
from bot.wecom.events import typed_event


async def test_a_link_says_why_nobody_comes_by_it(ledger: Database) -> None:
    async with ledger.write() as session:
        for kind, config_id in (("link", "caA"), ("link", "caB"), ("contact_way", "caC")):
            session.add(
                Channel(
                    state=config_id,
                    kind=kind,
                    name="包裹卡",
                    status="active",
                    config_id=config_id,
                    guides=["li"],
                    created_at=START,
                    updated_at=START,
                )
            )

    async def hear(change: str, **more: str) -> list[str]:
        event = typed_event({"Event": "customer_acquisition", "ChangeType": change, **more})
        async with ledger.write() as session:
            await apply(event, session)
        async with ledger.read() as session:
            rows = await session.scalars(select(Channel.error).order_by(Channel.id))
            return [(error or "")[:5] for error in rows]

    assert await hear("link_unavailable", LinkId="caA") == ["这条获客链", "", ""]
    assert await hear("balance_exhausted") == ["这条获客链", "获客助手的", ""]
    assert await hear("balance_low") == ["这条获客链", "获客助手的", ""]
    assert await hear("balance_increased") == ["这条获客链", "", ""]
    assert await hear("delete_link") == ["这条获客链", "", ""]
