"""What the sample shop's people are like: when they come, what they answer, whether they buy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zlib import crc32

from scheduler.calendars import SHANGHAI

COMING_A_DAY = 4
_OPEN, _CLOSED = time(10, 5), time(20, 40)
_ANSWERS_IN_100, _ANSWERS_EASY_IN_100 = 24, 46
_GREETED_IN_100 = 20
_NICKNAMES = (
    "栗子 青柠 阿布 豆沙包 橘子汽水 云朵妈妈 木头 月半 麦麦 海盐 桃子妈 山楂 小雨 麻薯 阿岩 七七"
    " 西柚 北北妈 年糕 苏打 果果妈 核桃 安安 小鹿 布丁 饭团妈 可颂 阿远 薄荷 朵朵妈 丸子 石榴 松子"
    " 阿晴 团子妈 奶盖 芒果 小舟 茉莉 阿川 柚子 蓝莓 糖豆妈 稻草人 椰子 小满 阿森 拿铁 慢慢 竹子"
).split()
_SAID = (
    ("回个 1", ("1", "1", "1，谢谢")),
    ("怕冷还是怕热", ("我怕冷", "偏怕热，被子要薄一点", "都还好，先看看")),
    ("宝贝多大", ("两岁半了", "刚上小班", "还没出生呢")),
    ("正式些", ("平时上班穿，舒服为主", "要正式一点的", "主要周末穿")),
    ("包裹到了", ("收到了，大小正好", "收到了，颜色比照片深一点", "袖子有点长，能换吗")),
    ("没付款", ("忘了，今晚付", "在比价，能便宜点吗", "尺码拿不准，165，110斤")),
    ("购物车里", ("1", "那就付了", "先不要了，谢谢")),
    ("第一次怎么洗", ("好的，谢谢提醒",)),
    ("还没好好打过招呼", ("在的，有新款吗", "周末过去看看")),
)
_ASKS = ("有优惠券吗", "这件还有L码吗", "多少钱", "面料会起球吗", "什么时候发货", "可以退换吗")
_GENERAL = ("好的，我看看", "在的，有新款吗", "多少钱", "周末去店里看看")


def share(key: str) -> int:
    """A number from 0 to 99 that depends on nothing but `key`."""
    return crc32(key.encode()) % 100


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who scans the code of a door."""

    at: datetime
    nickname: str
    door: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What somebody does: writes `text`, or what the order system reports as `event`."""

    at: datetime
    text: str = ""
    event: str = ""


def newcomers(day: date) -> Iterator[Newcomer]:
    """Who comes on a day of the shop, by time."""
    opens = datetime.combine(day, _OPEN, SHANGHAI)
    minutes = int((datetime.combine(day, _CLOSED, SHANGHAI) - opens).total_seconds() // 60)
    first = day.toordinal() * COMING_A_DAY
    for place in range(COMING_A_DAY):
        number = first + place
        spread = minutes * place // COMING_A_DAY + share(f"comes {number}") // 2
        name = _NICKNAMES[number % len(_NICKNAMES)]
        yield Newcomer(opens + timedelta(minutes=spread), name, number % 3)


def of_arriving(nickname: str, at: datetime) -> Iterator[Turn]:
    """Some ask something soon after they came, some put something in the cart."""
    if share(f"{nickname} asks") < _GREETED_IN_100:
        asks = _ASKS[share(f"{nickname} what") % len(_ASKS)]
        yield Turn(at + timedelta(minutes=20 + share(nickname)), text=asks)
    if share(f"{nickname} cart") < 22:
        put = _by_day(at + timedelta(hours=5 + share(f"{nickname} when") // 5))
        yield Turn(put, event="added_to_cart")


def of_message(nickname: str, words: str, at: datetime) -> Iterator[Turn]:
    """What a guide's message brings: an answer, an order, a parcel; or nothing, mostly.

    What is easy to answer is answered more often.
    """
    key = f"{nickname}{words}"
    easy = "回个 1" in words
    if share(f"{key} answers") >= (_ANSWERS_EASY_IN_100 if easy else _ANSWERS_IN_100):
        return
    replied = _by_day(at + timedelta(minutes=15 + 3 * share(f"{key} after")))
    if share(f"{key} enough") < 4:
        yield Turn(replied, text="不要再给我发消息了")
        return
    yield Turn(replied, text=answer(words, key))
    if share(f"{nickname} buys") < 38:
        yield from _order(nickname, replied + timedelta(hours=1))


def of_offer(nickname: str, at: datetime) -> Iterator[Turn]:
    """The post of the sixth day has a present for newcomers; a few take it."""
    if share(f"{nickname} takes the present") < 14:
        yield from _order(nickname, at + timedelta(hours=1))


def answer(words: str, key: str) -> str:
    """Words that fit what was asked."""
    said = next((said for part, said in _SAID if part in words), _GENERAL)
    return said[share(f"{key} says") % len(said)]


def _order(nickname: str, after: datetime) -> Iterator[Turn]:
    paid = _by_day(after + timedelta(minutes=4 * share(f"{nickname} pays")))
    yield Turn(paid, event="order_paid")
    yield Turn(_by_day(paid + timedelta(days=2, hours=1)), event="parcel_arrived")


def _by_day(at: datetime) -> datetime:
    """Nobody does anything at night: it waits for the morning."""
    local = at.astimezone(SHANGHAI)
    if 8 <= local.hour < 23:
        return at
    day = local.date() + timedelta(days=1 if local.hour >= 23 else 0)
    return datetime.combine(day, time(8, 10), SHANGHAI) + timedelta(minutes=local.minute)
