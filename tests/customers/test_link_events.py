from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from corp import START, Script
from sqlalchemy import select

from bot.clock import ManualClock
from bot.customers.link_events import apply
from bot.customers.link_quota import LinkQuota, Portion
from bot.errors import MendSettings
from bot.store.channel_tables import Channel
from bot.store.database import Database
from bot.wecom.client import WeComClient
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


QUOTA = "externalcontact/customer_acquisition_quota"


async def test_the_quota_is_asked_once_in_a_while_and_a_refusal_is_kept_shorter(
    scripted: Callable[..., WeComClient], script: Script, clock: ManualClock
) -> None:
    year = START + timedelta(days=300)
    lost = [
        {"expire_date": int(year.timestamp()), "balance": 10},
        {"expire_date": str(int(START.timestamp())), "balance": 5},
        {"expire_date": 0, "balance": 3},
        {"expire_date": 1, "balance": 0},
        "?",
    ]
    script.will(QUOTA, 48002, {"total": 100, "balance": 15, "quota_list": lost}, {"balance": 99})
    quota = LinkQuota(scripted(), clock)
    for _ in range(2):
        with pytest.raises(MendSettings):
            await quota.read()
    clock.turn(seconds=61)
    for _ in range(2):
        seen = await quota.read()
    assert (seen.total, seen.balance, seen.low) == (100, 15, True)
    assert seen.portions == (Portion(5, START), Portion(10, year))
    assert script.made(QUOTA) == 2
    clock.turn(seconds=301)
    assert not (await quota.read()).low
