"""The demo's first days: channels, friends who came by them, and what went out to them since."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path

from sqlalchemy import select

from bot.app import Bot
from bot.commands.demo_life import ShopLife
from bot.commands.demo_orders import OrderSystem
from bot.customers.channel_draft import ChannelDraft
from bot.errors import BotError
from bot.sandbox import CUSTOMERS, GUIDES, Platform
from bot.sandbox.clock_walk import PassingTime
from bot.sandbox.meetings import newcomer, scan
from bot.sandbox.storage import Store
from bot.store.tables import Suggestion, SuggestionStatus
from scheduler.calendars import SHANGHAI

LIVED_DAYS = 3
_FACT = "demo_lived"
_OPENED_DAYS_AGO = 200
_MORNING = time(9, 40)


@dataclass(frozen=True, slots=True)
class Door:
    """A channel of the sample shop."""

    name: str
    tags: tuple[str, ...]
    greeting: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody who scans a code, and what they ask or do so many hours later."""

    after: timedelta
    door: int
    nickname: str
    asks: str = ""
    wait: timedelta = timedelta(hours=3)
    does: str = ""


DOORS = (
    Door(
        "门店收银台",
        ("门店客",),
        "{customer_name}您好，我是{shop_name}的{guide_name}。今天看中的款，尺码拿不准随时问我。",
    ),
    Door(
        "宝妈交流会海报",
        ("宝妈",),
        "{customer_name}您好，我是{guide_name}，自己也带娃。家居服、床品怎么选怎么洗，问我就行。",
    ),
    Door(
        "包裹感谢卡",
        (),
        "{customer_name}您好，谢谢您的订单。到货有任何问题，直接找我{guide_name}，不用排队。",
    ),
)
_DAY = timedelta(days=1)
ARRIVALS = (
    Arrival(timedelta(minutes=20), 0, "禾禾", "面料会起球吗"),
    Arrival(timedelta(hours=2), 1, "豆豆妈", "有优惠券吗", timedelta(hours=34)),
    Arrival(timedelta(hours=6), 2, "阿澈", wait=timedelta(hours=20), does="parcel_arrived"),
    Arrival(_DAY + timedelta(hours=1), 0, "Lina", does="added_to_cart"),
    Arrival(
        _DAY + timedelta(hours=3), 1, "小满妈妈", "我身高165体重110穿什么码", timedelta(hours=22)
    ),
    Arrival(_DAY + timedelta(hours=7), 2, "老周"),
    Arrival(2 * _DAY + timedelta(hours=2), 0, "西西", does="added_to_cart"),
    Arrival(2 * _DAY + timedelta(hours=5), 1, "糯米妈"),
)


def begin_in_the_past(path: Path, now: datetime) -> None:
    """Let a sandbox that does not exist yet begin some days ago, so that they can be lived."""
    if path.exists():
        return
    store = Store(path)
    store.remember("clock_ahead_seconds", str(-_lived(now).total_seconds()))
    opened = now - timedelta(days=_OPENED_DAYS_AGO)
    store.remember("opened_at", str(int(opened.timestamp())))
    store.remember(_FACT, "no")
    store.close()


def _lived(now: datetime) -> timedelta:
    """From the first morning until now."""
    local = now.astimezone(SHANGHAI)
    first = datetime.combine(local.date() - timedelta(days=LIVED_DAYS), _MORNING, local.tzinfo)
    return now - first


async def live_the_first_days(
    bot: Bot, platform: Platform, passing: PassingTime, life: ShopLife, orders: OrderSystem
) -> None:
    """At the first start ever: friends come, ask, and are cared for until it is today.

    A start that was interrupted is not lived again; what was left of the days just passes.
    """
    if platform.store.fact(_FACT) == "no":
        platform.store.remember(_FACT, "yes")
        with suppress(BotError):
            await bot.contacts.sync.tick()
            doors = await _open_doors(bot)
            await _live(bot, platform, passing, doors, life, orders)
    elif not await bot.channels.page(limit=1):
        with suppress(BotError):
            await _open_doors(bot)
    if platform.clock.offset < timedelta():
        await passing.let(-platform.clock.offset)
        platform.clock.offset = timedelta()
        platform.keep_clock()


async def _open_doors(bot: Bot) -> list[str]:
    return [await open_door(bot, door) for door in DOORS]


async def open_door(bot: Bot, door: Door) -> str:
    """Make one of the sample channels; returns its state."""
    draft = ChannelDraft.model_validate(
        {
            "name": door.name,
            "guides": list(GUIDES),
            "tags": list(door.tags),
            "remark": door.name,
            "greeting": {"text": door.greeting},
        }
    )
    return (await bot.channels.create(draft)).state


async def _live(
    bot: Bot,
    platform: Platform,
    passing: PassingTime,
    doors: list[str],
    life: ShopLife,
    orders: OrderSystem,
) -> None:
    first = platform.clock()
    plot = [(one.after, one) for one in ARRIVALS]
    plot += [(one.after + one.wait, one) for one in ARRIVALS if one.asks or one.does]
    ids: dict[str, str] = {}
    for after, one in sorted(plot, key=lambda each: each[0]):
        await passing.let(max(first + after - platform.clock(), timedelta()))
        if (who := ids.get(one.nickname)) and one.asks:
            await _ask(bot, platform, passing, who, one.asks)
        if who and one.does:
            await orders.report(one.does, who, platform.clock())
        if who:
            continue
        ids[one.nickname] = newcomer(platform, one.nickname)
        scan(platform, ids[one.nickname], config_id=doors[one.door])
        life.adopt(ids[one.nickname])
        await passing.catch_up()
    await passing.let(max(-platform.clock.offset, timedelta()))
    platform.clock.offset = timedelta()
    platform.customer_writes(CUSTOMERS[0].external_userid, "这件羽绒服还有L码吗")


async def _ask(bot: Bot, platform: Platform, passing: PassingTime, who: str, text: str) -> None:
    """A customer asks, and a guide takes the first suggestion."""
    platform.customer_writes(who, text)
    await passing.catch_up()
    await passing.let(timedelta(minutes=1))
    pending = select(Suggestion.id).where(
        Suggestion.external_userid == who, Suggestion.status == SuggestionStatus.PENDING
    )
    async with bot.ground.database.read() as session:
        found = list(await session.scalars(pending))
    for suggestion_id in found:
        with suppress(BotError):
            await bot.decisions.approve(suggestion_id, by="admin")
    await passing.let(timedelta(minutes=1))
