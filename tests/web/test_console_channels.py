"""Channels and greetings as operators write them: attachments, friends of each kind, pauses."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from consoleshop import Guide, guide, note_of
from pagesshop import HE, SU, PagesShop, open_pages
from sqlalchemy import select, update

from bot.customers import qr_poster
from bot.sandbox import gatherings
from bot.store.channel_tables import Channel
from bot.store.contact_tables import CorpTag, FollowTag, Transfer
from bot.store.contact_tables import Guide as Staff
from bot.store.group_tables import CustomerGroup, GroupCode, GroupTemplate
from bot.store.segment_tables import CustomerSegment
from bot.store.tables import Customer, StageMove

PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 4
WORDS = {
    "greeting": "{customer_name}，欢迎", "returning": "欢迎回来", "shared": "同事的朋友好",
    "a0.kind": "image", "a0.source": "cover.png",
    "a1.kind": "link", "a1.title": "新款画册", "a1.url": "https://example.com/book",
    "a2.kind": "file", "a2.source": "",
}  # fmt: skip


@pytest.fixture
async def shop(
    new_sqlite_url: str,
    small_model: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[PagesShop]:
    monkeypatch.setenv("BOT_CONSOLE__UPLOADS", str(tmp_path / "uploads"))
    async with open_pages(new_sqlite_url, small_model) as shop:
        await shop.furnish()
        yield shop


@pytest.fixture
async def browser(shop: PagesShop) -> AsyncIterator[Guide]:
    async with guide(shop.server) as browser:
        await browser.arrive(shop.password)
        yield browser


async def rows(shop: PagesShop, table: Any) -> list[Any]:
    async with shop.database.read() as session:
        return list((await session.scalars(select(table))).all())


async def test_a_channel_keeps_all_that_its_form_says(shop: PagesShop, browser: Guide) -> None:
    page = await browser.text("/console/channels/new")
    journey = (await shop.bot.journeys.all())[0].id
    assert f'value="{journey}"' in page
    answer = await browser.post(
        "/console/channels",
        **WORDS,
        **{
            "name": "收银台", "guides": SU, "backups": "何棠", "journey": journey,
            "cap0.guide": "苏晴", "cap0.most": "5", "cap1.guide": "", "cap1.most": "9",
            "s0.days": "6", "s0.from": "9:00", "s0.to": "18：00", "s0.guides": "苏晴、何棠",
        },
    )  # fmt: skip
    assert answer.status == 303, await answer.text()
    (channel,) = await rows(shop, Channel)
    assert (channel.caps, channel.backups, channel.journey) == ({SU: 5}, [HE], journey)
    assert channel.shifts == [{"days": [6], "from": "09:00", "to": "18:00", "guides": [SU, HE]}]
    assert channel.greeting["attachments"] == [
        {"image": "cover.png"},
        {"link": {"title": "新款画册", "url": "https://example.com/book"}},
    ]
    again = await browser.text(f"/console/channels/{channel.id}")
    for words in ('value="苏晴、何棠"', 'value="新款画册"', "同事的朋友好", 'value="5"'):
        assert words in again, words
    lonely = await browser.post(
        f"/console/channels/{channel.id}", htmx=True, name="甲", guides=SU, returning="又来啦"
    )
    assert "也要写给新朋友的欢迎语" in note_of(lonely)


async def test_a_link_is_made_and_its_address_carries_the_channel(
    shop: PagesShop, browser: Guide
) -> None:
    assert "获客助手" in await browser.text("/console/channels/new?kind=link")
    answer = await browser.post("/console/channels", kind="link", name="短信", guides=SU)
    page = await browser.text(answer.headers["Location"])
    (channel,) = await rows(shop, Channel)
    assert channel.kind == "link"
    cards = await browser.text("/console/channels")
    assert "获客助手额度还剩 1000 个（共 1000 个），2027-11-20 到期" in cards
    assert channel.qr_code.endswith(f"customer_channel={channel.state}")
    assert channel.qr_code in page
    assert 'name="daily_cap"' not in page
    assert (await browser.get(f"/console/channels/{channel.id}/poster")).status == 200


async def test_a_corp_without_quota_is_told_why_no_link_was_made(
    shop: PagesShop, browser: Guide
) -> None:
    shop.platform.settings = replace(shop.platform.settings, acquisition_quota=0)
    refused = await browser.post("/console/channels", htmx=True, kind="link", name="甲", guides=SU)
    assert "获客链接" in note_of(refused)
    cards = await browser.text("/console/channels")
    assert "没有建成" in cards
    assert "获客链接" in cards


async def test_a_poster_bears_what_the_picture_of_wecom_says(
    shop: PagesShop, browser: Guide
) -> None:
    number = await shop.channel()
    (channel,) = await rows(shop, Channel)
    poster = await browser.get(f"/console/channels/{number}/poster?format=png")
    inside = qr_poster.read_code(await poster.read())
    assert inside is not None
    assert inside != channel.qr_code
    assert inside.endswith(f"/?scan={channel.config_id}")


async def test_a_channel_rests_and_is_used_again(shop: PagesShop, browser: Guide) -> None:
    number = await shop.channel(backups=[HE])
    path = f"/console/channels/{number}"
    await browser.post(f"{path}/pause", reason="盘点")
    page = await browser.text(path)
    assert "盘点" in page
    assert "已暂停" in await browser.text("/console/channels")
    (channel,) = await rows(shop, Channel)
    assert (channel.paused_by, channel.on_duty) == ("admin", [HE])
    await browser.post(f"{path}/resume")
    (channel,) = await rows(shop, Channel)
    assert (channel.paused_at, channel.on_duty) == (None, [SU, HE])


async def test_the_phone_shows_what_each_kind_of_friend_reads(browser: Guide) -> None:
    url = "/console/greetings/preview"
    for relation, words in (
        ("new", "小林，欢迎"), ("returning", "欢迎回来"), ("shared", "同事的朋友好"),
    ):  # fmt: skip
        seen = await (await browser.post(url, htmx=True, **WORDS, relation=relation)).text()
        assert words in seen
        assert "新款画册" in seen
    led = await browser.post(url, htmx=True, greeting="您好", relation="returning")
    assert "好久不见，欢迎回来～\n您好" in await led.text()
    broken = {**WORDS, "a1.url": ""}
    wrong = await (await browser.post(url, htmx=True, **broken)).text()
    assert "附件 link 写得不对" in wrong


async def test_attachments_are_added_moved_and_dropped(browser: Guide) -> None:
    url = "/console/greetings/attachments"
    more = await (await browser.post(url, htmx=True, **WORDS, do="add.miniprogram")).text()
    assert 'name="a3.appid"' in more
    moved = await (await browser.post(url, htmx=True, **WORDS, do="up.1")).text()
    assert 'name="a0.title" value="新款画册"' in moved
    fewer = await (await browser.post(url, htmx=True, **WORDS, do="drop.0")).text()
    assert 'name="a0.title"' in fewer
    assert 'name="a2.kind"' not in fewer
    full = {f"a{number}.kind": "image" for number in range(9)}
    assert "9 / 9" in await (await browser.post(url, htmx=True, **full, do="add.image")).text()


async def test_files_are_uploaded_checked_and_seen(shop: PagesShop, browser: Guide) -> None:
    async def upload(kind: str, name: str, body: bytes, token: str = "") -> tuple[int, Any]:
        headers = {"X-CSRF-Token": token or browser.csrf, "HX-Request": "true"}
        query = {"kind": kind, "name": name}
        async with browser.client.post(
            "/console/uploads", params=query, data=io.BytesIO(body), headers=headers
        ) as answer:
            kept = await answer.json() if answer.status == 200 else await answer.text()
            return answer.status, kept

    status, kept = await upload("image", "../../秋冬 封面.png", PNG)
    assert status == 200
    assert kept["source"].endswith("/秋冬_封面.png")
    shown = await browser.get(f"/console/uploads?source={kept['source']}")
    assert (shown.content_type, await shown.read()) == ("image/png", PNG)
    assert shop.bot.media._read("image", kept["source"]) == PNG
    _, kept = await upload("file", "尺码表.pdf", b"%PDF-1.4 sizes")
    media_id = await shop.bot.media.media_id("file", kept["source"])
    stored = shop.platform.media.get(media_id, shop.platform.now())
    assert stored.filename == "尺码表.pdf"
    for kind, name, body, words in (
        ("image", "a.png", b"<svg>not a picture</svg>", "PNG 和 JPG"),
        ("video", "a.mp4", PNG, "MP4"),
        ("file", "尺码表", b"no suffix", "后缀"),
        ("image", "big.png", PNG + b"x" * (10 * 2**20), "10 MB"),
        ("script", "a.js", b"alert(1)", "只能上传"),
    ):
        status, text = await upload(kind, name, body)
        assert status == 422, kind
        assert words in text
    assert (await upload("image", "a.png", PNG, token="forged"))[0] == 403
    for source in ("../../../etc/passwd", "no.png", "\x00"):
        assert (await browser.get(f"/console/uploads?source={source}")).status == 404


async def test_the_shops_own_words_are_edited_and_restored(
    shop: PagesShop, browser: Guide
) -> None:
    path = "/console/greetings"
    await browser.post(path, **WORDS, returning_lead="回来啦～", shared_lead="")
    words = await shop.bot.shop_greetings.words()
    assert (words.text, words.returning_lead, words.shared_lead) == (
        "{customer_name}，欢迎", "回来啦～", "",
    )  # fmt: skip
    assert "admin" in await browser.text(path)
    wrong = await browser.post(path, htmx=True, greeting="{nobody}")
    assert "{nobody}" in note_of(wrong)
    await browser.post(f"{path}/restore")
    assert (await shop.bot.shop_greetings.words()).edited == frozenset()


async def test_names_with_commas_are_one_name_in_segments_and_channels(
    shop: PagesShop, browser: Guide
) -> None:
    now, name = shop.clock.now(), "满减,8折，或、赠"
    guides = {HE: "李,雷，店长", SU: "Anna Li"}
    async with shop.database.write() as session:
        session.add(CorpTag(tag_id="etComma", group_id="gKind", name=name, read_at=now))
        session.add(FollowTag(tag_id="etComma", external_userid="wmLin", userid=SU))
        for one, said in guides.items():
            await session.execute(update(Staff).where(Staff.userid == one).values(name=said))
    asked = {"built": "1", "every": "1", "g0.every": "1", "c0.0.about": "tag", "c0.0.value": name}
    listed = await browser.text(f"/console/customers?{urlencode(asked)}")
    assert listed.count('<a class="tr" role="row"') == 1
    rule = json.dumps({"groups": [{"conditions": [{"about": "tag", "value": name}]}]})
    await browser.post("/console/segments", rule=rule, name="甲,乙")
    [segment] = await rows(shop, CustomerSegment)
    again = await browser.text(f"/console/customers?segment={segment.id}")
    assert f'<option value="{name}" selected>' in again
    assert again.count('<a class="tr" role="row"') == 1
    form = {"name": "收银台", "tags": f'"{name}"、老客', "greeting": "欢迎"}
    form |= {"more_guides": "Anna Li", "backups": '"李,雷，店长"'}
    answer = await browser.post("/console/channels", **form)
    assert answer.status == 303, await answer.text()
    [channel] = await rows(shop, Channel)
    assert channel.tags == [name, "老客"]
    assert (channel.guides, channel.backups) == ([SU], [HE])
    page = await browser.text(f"/console/channels/{channel.id}")
    assert 'value="&#34;李,雷，店长&#34;"' in page
    assert f'value="&#34;{name}&#34;、老客"' in page


async def test_a_segment_is_greeted_in_its_own_words(shop: PagesShop, browser: Guide) -> None:
    rule = '{"groups": [{"conditions": [{"about": "tag", "value": "VIP"}]}]}'
    await browser.post("/console/segments", rule=rule, name="贵宾")
    (segment,) = await rows(shop, CustomerSegment)
    await browser.post(f"/console/greetings/segments/{segment.id}", greeting="贵宾您好", place="3")
    (segment,) = await rows(shop, CustomerSegment)
    assert (segment.greeting["text"], segment.greeting_place) == ("贵宾您好", 3)
    assert "贵宾您好" in await browser.text(f"/console/greetings?segment={segment.id}")
    await browser.post(f"/console/greetings/segments/{segment.id}", greeting="")
    assert (await rows(shop, CustomerSegment))[0].greeting_place is None
    assert (await browser.get("/console/greetings?segment=999")).status == 404


async def test_a_groups_greeting_is_made_changed_and_chosen(
    shop: PagesShop, browser: Guide
) -> None:
    kind = shop.bot.groups.segments.names[0]
    await browser.post("/console/groups/wrGroup2", segment=kind)
    page = f"/console/greetings?group={kind}"
    assert "创建并通知群主" in await browser.text(page)
    await browser.post("/console/group-greetings", segment=kind, greeting="%NICKNAME%，欢迎进群")
    (made,) = await rows(shop, GroupTemplate)
    assert made.status == "active"
    text = await browser.text(page)
    assert "小林，欢迎进群" in text
    assert "还没选用" in text
    await browser.post("/console/groups/wrGroup2/picked")
    await browser.post(f"/console/group-greetings/{made.id}", greeting="新的欢迎语", name="甲")
    (made,) = await rows(shop, GroupTemplate)
    assert (made.text, made.name) == ("新的欢迎语", "甲")
    wrong = await browser.post(
        f"/console/group-greetings/{made.id}", htmx=True, greeting="%名%x%A%"
    )
    assert "占位符" in note_of(wrong)
    await browser.post(f"/console/group-greetings/{made.id}/delete")
    assert "创建并通知群主" in await browser.text(page)


async def test_a_code_of_groups_is_made_printed_changed_and_deleted(
    shop: PagesShop, browser: Guide
) -> None:
    chat_id = gatherings.open_group(shop.platform, "宝妈交流1", SU).chat_id
    async with shop.database.write() as session:
        now = shop.clock.now()
        session.add(
            CustomerGroup(
                chat_id=chat_id, name="宝妈交流1", owner=SU, state="active", made_at=now,
                known_since=now, members=1,
            )
        )  # fmt: skip
    path = "/console/group-codes"
    assert "宝妈交流1 · 1" in await browser.text(f"{path}/new")
    nothing = await browser.post(path, htmx=True, name="宝妈群海报")
    assert "先进这些群" in note_of(nothing)
    answer = await browser.post(
        path, name="宝妈群海报", groups=chat_id, base_name="宝妈交流", base_id="2", auto_create="1"
    )
    place = answer.headers["Location"].split("?")[0]
    (code,) = await rows(shop, GroupCode)
    assert (code.chat_ids, code.base_id, code.best_size) == ([chat_id], 2, 200)
    poster = await browser.get(f"{place}/poster?format=png")
    assert (qr_poster.read_code(await poster.read()) or "").endswith(f"/?join={code.config_id}")
    assert "1 / 200" in await browser.text(path)
    await browser.post(place, name="宝妈群海报二", groups=chat_id, best_size="150")
    (code,) = await rows(shop, GroupCode)
    assert (code.name, code.best_size, code.auto_create) == ("宝妈群海报二", 150, False)
    await browser.post(f"{place}/delete")
    assert "还没有入群活码" in await browser.text(path)


async def test_a_stage_is_moved_with_a_reason_that_stays(shop: PagesShop, browser: Guide) -> None:
    url = "/console/customers/wmLin/stage"
    bare = await browser.post(url, htmx=True, to="closing", seen="objection")
    assert "请写明为什么" in note_of(bare)
    late = await browser.post(url, htmx=True, to="closing", seen="icebreak", reason="付定金")
    assert late.status == 409
    answer = await browser.post(url, to="closing", seen="objection", reason="付定金")
    page = await browser.text(answer.headers["Location"])
    assert "admin：付定金" in page
    assert "手动调整" in page
    async with shop.database.read() as session:
        assert (await session.get_one(Customer, "wmLin")).stage == "closing"
        assert await session.scalar(select(StageMove.id).where(StageMove.cause == "by_hand"))


async def test_a_customer_is_handed_on(shop: PagesShop, browser: Guide) -> None:
    shop.platform.add_customer("wmMay", "阿May")
    shop.platform.friends.begin(SU, "wmMay", channel="", half=False, now=shop.platform.now())
    path = "/console/customers/wmMay"
    assert "转给另一位导购" in await browser.text(path)
    nobody = await browser.post(f"{path}/transfer", htmx=True)
    assert "由哪位导购接手" in note_of(nobody)
    await browser.post(f"{path}/transfer", takeover=HE, message="何棠接着照顾您")
    (row,) = await rows(shop, Transfer)
    assert (row.handover, row.takeover, row.state, row.asked_by) == (SU, HE, "waiting", "admin")
    page = await browser.text(path)
    assert "等待生效" in page
    assert "苏晴 → 何棠" in page
    assert 'id="hand-on"' not in page
    assert "由苏晴转给何棠，等企业微信办理" in page
    assert "To be handed from 苏晴 to 何棠" in await browser.text(f"{path}?lang=en&kind=transfer")


async def test_groups_of_conditions_stand_inside_each_other(
    shop: PagesShop, browser: Guide
) -> None:
    built = (
        "built=1&every=1&g0.every=1&c0.0.about=tag&c0.0.value=VIP"
        "&g0-0.every=0&c0-0.0.about=stage&c0-0.0.value=won&c0-0.1.about=quiet&c0-0.1.value=90"
    )
    page = await browser.text(f"/console/customers?{built}")
    assert "<b>周姐</b>" in page
    assert "<b>团团妈</b>" in page
    assert "<b>小林</b>" not in page
    assert "2 位" in page
    deeper = await browser.get(f"/console/customers?{built}&do=group.0-0", htmx=True)
    assert 'name="c0-0-0.0.about"' in await deeper.text()
    url = deeper.headers["HX-Push-Url"]
    cut = await browser.get(f"{url}&do=cut.0-0", htmx=True)
    assert "g0-0" not in cut.headers["HX-Push-Url"]
    assert "c0.0.about" in cut.headers["HX-Push-Url"]
    rule = page.split('name="rule" value="')[1].split('"')[0].replace("&#34;", '"')
    await browser.post("/console/segments", rule=rule, name="套着的")
    (kept,) = await rows(shop, CustomerSegment)
    assert "2 位" in await browser.text(f"/console/customers?segment={kept.id}")
