from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from apishop import small_model as small_model
from ports import free_port
from sqlalchemy import select

from bot.app import Bot
from bot.commands import demo_shop
from bot.commands.demo import demo_settings, running_platform, sandbox_settings
from bot.commands.demo_life import ShopLife
from bot.commands.demo_orders import OrderSystem, order_system
from bot.commands.demo_people import Turn
from bot.commands.demo_time import KeepUp, SandboxClock
from bot.commands.serve import serving
from bot.sandbox import Platform, moments_feed
from bot.sandbox.clock_walk import PassingTime
from bot.sandbox.meetings import newcomer, scan
from bot.settings import NluSettings
from bot.store.contact_tables import BehaviourEvent
from bot.store.outreach_tables import TouchRow
from bot.store.tables import Customer


@dataclass
class Demo:
    bot: Bot
    platform: Platform
    passing: PassingTime
    orders: OrderSystem
    life: ShopLife


@pytest.fixture
async def demo(tmp_path: Path, small_model: dict[str, Any]) -> AsyncIterator[Demo]:
    port, sandbox_port = free_port(), free_port()
    corp = sandbox_settings(port, tmp_path)
    settings = demo_settings(corp, port, sandbox_port, tmp_path)
    settings = settings.model_copy(update={"nlu": NluSettings.model_validate(small_model)})
    async with AsyncExitStack() as stack:
        platform, passing = await stack.enter_async_context(running_platform(corp, sandbox_port))
        bot = await stack.enter_async_context(serving(settings, clock=SandboxClock(platform)))
        orders = await stack.enter_async_context(order_system(settings))
        life = ShopLife(bot, platform, passing, orders)
        passing.companions += [life.look, KeepUp(bot)]
        yield Demo(bot, platform, passing, orders, life)


@pytest.mark.long
async def test_a_day_after_scanning_the_first_post_is_on_the_phone(demo: Demo) -> None:
    state = await demo_shop.open_door(demo.bot, demo_shop.DOORS[1])
    who = newcomer(demo.platform, "豆豆妈")
    scan(demo.platform, who, config_id=state)
    await demo.passing.catch_up()
    [greeting] = demo.platform.timeline.of_customer(who)
    assert greeting.content["content"].startswith("豆豆妈您好")
    await demo.passing.let(timedelta(days=1, hours=1))
    [post] = moments_feed.shown_feed(demo.platform, who)
    assert post["text"].startswith("新来的妈妈们好")
    pictures = [demo.platform.media.shown(one) for one in post["images"]]
    assert [one.content_type for one in pictures] == ["image/png"] * 3
    async with demo.bot.ground.database.read() as session:
        sent = await session.scalars(select(TouchRow).where(TouchRow.status == "sent"))
        assert "day1" in [touch.step for touch in sent]


async def test_people_ask_and_buy_by_themselves_and_the_order_system_reports_it(
    demo: Demo,
) -> None:
    state = await demo_shop.open_door(demo.bot, demo_shop.DOORS[0])
    who = newcomer(demo.platform, "栗子")
    scan(demo.platform, who, config_id=state)
    demo.life.adopt(who)
    now = demo.platform.clock()
    demo.life.plan(who, [Turn(now, text="多少钱"), Turn(now, event="order_paid")])
    await demo.passing.catch_up()
    await demo.passing.let(timedelta(minutes=20))
    async with demo.bot.ground.database.read() as session:
        customer = await session.get(Customer, who)
        told = list(await session.scalars(select(BehaviourEvent.type)))
    assert told == ["order_paid"]
    assert customer is not None and customer.stage == "won"
    assert [one.text for one in demo.platform.timeline.of_customer(who) if one.origin == 3] == [
        "多少钱"
    ]
