"""The sample shop's people: customers by nickname, and two guides."""

from __future__ import annotations

from dataclasses import dataclass

from .storage import Store

DEFAULT_ACCOUNT = "wkSandboxWarmIsland0000000000001"
GUIDES = {"guide_qing": "青青", "guide_tang": "糖糖"}


@dataclass(frozen=True, slots=True)
class SampleCustomer:
    """Someone who may write; `face` names a drawing of the page."""

    external_userid: str
    nickname: str
    gender: int
    sketch: str
    sketch_en: str
    face: str


CUSTOMERS = (
    SampleCustomer(
        "wmSandboxXiaolin00000000000001",
        "小林",
        2,
        "逛街加的导购 · 看中羽绒服",
        "Met in the shop · down jacket",
        "bob",
    ),
    SampleCustomer(
        "wmSandboxAmay000000000000000002",
        "阿May",
        2,
        "直播间新粉 · 精打细算",
        "From the live room · bargains",
        "curl",
    ),
    SampleCustomer(
        "wmSandboxZhoujie00000000000003",
        "周姐",
        2,
        "三年老客 · 常给家人买家居服",
        "Three years · homewear",
        "bun",
    ),
    SampleCustomer(
        "wmSandboxDashan000000000000004",
        "大山",
        1,
        "第一次网购送礼 · 问得很细",
        "First gift online · details",
        "crop",
    ),
    SampleCustomer(
        "wmSandboxTuantuan0000000000005",
        "团团妈",
        2,
        "宝妈 · 关心面料和洗涤",
        "Young mother · fabrics",
        "long",
    ),
    SampleCustomer(
        "wmSandboxAkai00000000000000006",
        "阿凯",
        1,
        "刚下单四件套 · 等发货有点急",
        "Waiting for his bedding",
        "cap",
    ),
)


def seed(store: Store, shop_name: str, now: int) -> None:
    """Put the sample shop into an empty store; what is there already stays."""
    if store.fact("opened_at") is None:
        store.remember("opened_at", str(now))
    store.run("INSERT OR IGNORE INTO accounts VALUES (?, ?, ?, 1)", DEFAULT_ACCOUNT, shop_name, "")
    for userid in GUIDES:
        store.run("INSERT OR IGNORE INTO servicers VALUES (?, ?, 0)", DEFAULT_ACCOUNT, userid)
    for place, customer in enumerate(CUSTOMERS):
        store.run(
            "INSERT OR IGNORE INTO customers (external_userid, position, nickname, gender,"
            " sketch, sketch_en, face) VALUES (?, ?, ?, ?, ?, ?, ?)",
            customer.external_userid,
            place,
            customer.nickname,
            customer.gender,
            customer.sketch,
            customer.sketch_en,
            customer.face,
        )
        store.run(
            "INSERT OR IGNORE INTO friendships (userid, external_userid, since, remark)"
            " VALUES (?, ?, ?, ?)",
            list(GUIDES)[place % len(GUIDES)],
            customer.external_userid,
            int(store.fact("opened_at") or now),
            customer.nickname,
        )
