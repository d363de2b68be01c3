"""The pages beside the inbox, over HTTP as a browser without scripts sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from consoleshop import Guide, guide, note_of
from pagesshop import HE, SU, PagesShop, open_pages
from sqlalchemy import select

from bot.store.channel_tables import Channel
from bot.store.contact_tables import CorpTag, OptOut, PortraitFact, TagJob
from bot.store.group_tables import CustomerGroup, GroupTag
from bot.store.segment_tables import CustomerSegment
from bot.store.tables import Customer

PAGES = ("customers", "channels", "channels/new", "groups", "tags", "greetings")


@pytest.fixture
async def shop(new_sqlite_url: str, small_model: dict[str, Any]) -> AsyncIterator[PagesShop]:
    async with open_pages(new_sqlite_url, small_model) as shop:
        yield shop


@pytest.fixture
async def browser(shop: PagesShop) -> AsyncIterator[Guide]:
    async with guide(shop.server) as browser:
        await browser.arrive(shop.password)
        yield browser


async def rows(shop: PagesShop, table: Any, *where: Any) -> list[Any]:
    async with shop.database.read() as session:
        return list((await session.scalars(select(table).where(*where))).all())


async def test_strangers_are_sent_to_the_login_page(shop: PagesShop) -> None:
    async with guide(shop.server) as stranger:
        for page in PAGES:
            answer = await stranger.get(f"/console/{page}")
            assert answer.status == 303
            assert answer.headers["Location"].startswith("/console/login")


async def test_empty_pages_say_what_to_do(browser: Guide) -> None:
    texts = [await browser.text(f"/console/{page}") for page in PAGES]
    for text, words in zip(
        texts,
        ("wecom-bot sync", "还没有渠道", "生成活码", "还没有客户群", "还没有标签", "默认欢迎语"),
        strict=True,
    ):
        assert words in text


@pytest.mark.parametrize("page", PAGES)
async def test_pages_speak_english_when_asked_and_go_on_doing_so(
    browser: Guide, page: str
) -> None:
    assert 'aria-current="page"' in await browser.text(f"/console/{page}?lang=en")
    text = await browser.text(f"/console/{page}")
    assert '<html lang="en"' in text
    assert ">Customers</a>" in text


async def test_customers_are_filtered_by_stage_tag_channel_and_name(
    shop: PagesShop, browser: Guide
) -> None:
    await shop.furnish()
    async with shop.database.write() as session:
        session.add(
            Channel(
                state="chDoor", kind="contact_way", name="门口", guides=[SU],
                created_at=shop.clock.now(), updated_at=shop.clock.now(),
            )
        )  # fmt: skip
    every = await browser.text("/console/customers")
    assert all(name in every for name in ("小林", "阿May", "周姐", "大山", "团团妈"))
    assert "2 位导购" in every
    for query, there, gone in (
        ("stage=won", "周姐", "小林"),
        ("tag=VIP", "团团妈", "小林"),
        ("channel=chDoor", "大山", "小林"),
        ("q=怕扎", "小林", "周姐"),
        (f"guide={HE}", "小林", "周姐"),
    ):
        text = await browser.text(f"/console/customers?{query}", htmx=True)
        assert f"<b>{there}</b>" in text, query
        assert f"<b>{gone}</b>" not in text, query
    nobody = await browser.text("/console/customers?q=nobody", htmx=True)
    assert "没有符合条件的客户" in nobody


async def test_list_goes_on_page_by_page(shop: PagesShop, browser: Guide) -> None:
    now = shop.clock.now()
    async with shop.database.write() as session:
        session.add_all(
            Customer(
                external_userid=f"wm{number:03}",
                name=f"客户{number:03}",
                stage="icebreak",
                stage_since=now,
                first_seen_at=now - timedelta(minutes=number),
            )
            for number in range(45)
        )
    first = await browser.text("/console/customers")
    assert "45 位" in first
    assert "客户039" in first
    assert "客户040" not in first
    following = first.split('id="following" href="')[1].split('"')[0].replace("&amp;", "&")
    second = await browser.text(following)
    assert "客户040" in second
    assert "客户039" not in second
    assert (await browser.get("/console/customers?cursor=nonsense")).status == 400


BUILT = (
    "built=1&every=1"
    "&g0.every=0&c0.0.about=tag&c0.0.value=VIP&c0.1.about=tag&c0.1.value=老客"
    "&g1.every=1&c1.0.about=quiet&c1.0.value=30"
    "&c1.1.about=stage&c1.1.value=dormant&c1.1.negate=1"
)


async def test_segment_joins_conditions_is_counted_saved_and_opened(
    shop: PagesShop, browser: Guide
) -> None:
    await shop.furnish()
    page = await browser.text(f"/console/customers?{BUILT}")
    assert "<b>周姐</b>" in page
    assert "<b>团团妈</b>" not in page  # dormant is taken out
    assert "<b>小林</b>" not in page  # wrote two days ago
    assert "1 位" in page

    rule = page.split('name="rule" value="')[1].split('"')[0].replace("&#34;", '"')
    answer = await browser.post("/console/segments", rule=rule, name="该唤醒的老客")
    assert answer.status == 303
    (kept,) = await rows(shop, CustomerSegment)
    assert (kept.name, kept.made_by) == ("该唤醒的老客", "admin")
    opened = await browser.text(answer.headers["Location"])
    assert "已保存" in opened
    assert "<b>周姐</b>" in opened
    assert "1 位" in opened
    assert "该唤醒的老客" in await browser.text("/console/customers")

    await browser.post("/console/segments", rule=rule, name="该唤醒的老客")
    assert len(await rows(shop, CustomerSegment)) == 1
    await browser.post(f"/console/segments/{kept.id}/delete")
    assert await rows(shop, CustomerSegment) == []
    assert (await browser.get(f"/console/customers?segment={kept.id}")).status == 404


async def test_builder_grows_and_shrinks_and_addresses_stay_clean(
    shop: PagesShop, browser: Guide
) -> None:
    answer = await browser.get("/console/customers?do=group", htmx=True)
    assert "do=" not in answer.headers["HX-Push-Url"]
    assert 'name="c0.0.about"' in await answer.text()
    url = answer.headers["HX-Push-Url"]
    more = await browser.get(f"{url}&do=add.0")
    assert more.status == 303
    assert "c0.1.about" in more.headers["Location"]
    fewer = await browser.get(f"{more.headers['Location']}&do=drop.0.0", htmx=True)
    assert "c0.1.about" not in fewer.headers["HX-Push-Url"]
    odd = await browser.get(f"{url}&do=drop.9.9", htmx=True)
    assert odd.status == 200
    refused = await browser.post("/console/segments", htmx=True, rule='{"groups": []}', name="空")
    assert refused.status == 422
    assert "还没有填好的条件" in note_of(refused)


async def test_one_customer_shows_guides_portrait_stages_and_timeline(
    shop: PagesShop, browser: Guide
) -> None:
    await shop.furnish()
    page = await browser.text("/console/customers/wmLin")
    for words in ("有 2 位导购认识这位客户", "苏晴", "何棠", "林女士 M码 怕扎", "平时穿M码",
                  "把握 90%", "加了购物车", "从“需求挖掘”到“异议处理”",
                  "/console/inbox?tab=pending"):  # fmt: skip
        assert words in page, words
    only = await browser.text("/console/customers/wmLin/timeline?kind=stage", htmx=True)
    assert "加了购物车" not in only
    assert "从“破冰”到“需求挖掘”" in only
    assert (await browser.get("/console/customers/nobody")).status == 404


async def test_portrait_is_confirmed_corrected_and_rejected(
    shop: PagesShop, browser: Guide
) -> None:
    await shop.furnish()
    url = "/console/customers/wmLin/portrait"
    done = await browser.post(url, htmx=True, field="size", value="M", old="M", act="confirm")
    assert done.status == 200
    assert "已确认" in await done.text()
    await browser.post(url, field="budget", value="1000", old="800", act="correct")
    await browser.post(url, field="size", value="M", old="M", act="reject")
    facts = {(one.field, one.value): one for one in await rows(shop, PortraitFact)}
    assert facts["size", "M"].state == "rejected"
    assert facts["budget", "800"].state == "rejected"
    assert (facts["budget", "1000"].state, facts["budget", "1000"].decided_by) == (
        "confirmed",
        "admin",
    )
    empty = await browser.post(url, htmx=True, field="size", value=" ", act="confirm")
    assert empty.status == 422


async def test_opt_out_is_a_switch_with_a_trace(shop: PagesShop, browser: Guide) -> None:
    await shop.furnish()
    answer = await browser.post("/console/customers/wmLin/opt-out", out="1")
    assert "已退订" in await browser.text(answer.headers["Location"])
    await browser.post("/console/customers/wmLin/opt-out", out="0")
    traces = await rows(shop, OptOut)
    assert [(one.out, one.source, one.by) for one in traces] == [
        (True, "guide", "admin"),
        (False, "guide", "admin"),
    ]


async def test_tags_of_a_customer_are_promised_for_every_guide(
    shop: PagesShop, browser: Guide
) -> None:
    await shop.furnish()
    await browser.post("/console/customers/wmLin/tags", add="怕扎")
    jobs = await rows(shop, TagJob)
    assert {(one.userid, tuple(one.names)) for one in jobs} == {(SU, ("怕扎",)), (HE, ("怕扎",))}
    assert "正在写到企业微信" in await browser.text("/console/customers/wmLin")


async def test_channel_is_made_shown_changed_printed_and_deleted(
    shop: PagesShop, browser: Guide
) -> None:
    await shop.furnish()
    answer = await browser.post(
        "/console/channels",
        **{
            "name": "收银台", "guides": SU, "more_guides": "何棠", "daily_cap": "30",
            "tags": "到店，新客", "skip_verify": "1",
            "greeting": "{customer_name}，我是{guide_name}",
            "s0.days": "6", "s0.from": "09:00", "s0.to": "18:00", "s0.guides": "何棠",
            "s1.days": "1", "s1.from": "", "s1.to": "", "s1.guides": "",
        },
    )  # fmt: skip
    assert answer.status == 303, await answer.text()
    (channel,) = await rows(shop, Channel)
    assert channel.guides == [SU, HE]
    assert channel.tags == ["到店", "新客"]
    assert channel.shifts == [{"days": [6], "from": "09:00", "to": "18:00", "guides": [HE]}]
    await shop.came(channel.id, days_ago=0, number=3)
    await shop.came(channel.id, days_ago=5, number=2)

    cards = await browser.text("/console/channels")
    assert "<dd>3</dd>" in cards
    assert "<dd>5</dd>" in cards
    path = f"/console/channels/{channel.id}"
    assert "小林，我是苏苏" in await browser.text(path)
    for shape, start in (("png", b"\x89PNG"), ("svg", b"<"), ("pdf", b"%PDF")):
        poster = await browser.get(f"{path}/poster?format={shape}")
        assert (await poster.read()).startswith(start)
        assert poster.headers["Content-Disposition"].startswith("inline")

    await browser.post(path, name="收银台二号", guides=SU, greeting="欢迎")
    (channel,) = await rows(shop, Channel)
    assert (channel.name, channel.daily_cap, channel.shifts) == ("收银台二号", None, [])
    wrong = await browser.post(path, htmx=True, name="", guides=SU)
    assert "渠道名称：请填写" in note_of(wrong)
    unknown = await browser.post(path, htmx=True, name="甲", guides=SU, greeting="{nobody}")
    assert "{nobody}" in note_of(unknown)

    await browser.post(f"{path}/delete")
    assert (await browser.get(path)).status == 404


async def test_greeting_is_previewed_with_its_variables_and_saved(
    shop: PagesShop, browser: Guide
) -> None:
    channel_id = await shop.channel()
    seen = await browser.post(
        "/console/greetings/preview", htmx=True, greeting="{customer_name}，欢迎来{shop_name}"
    )
    assert "小林，欢迎来暖屿生活馆" in await seen.text()
    wrong = await browser.post("/console/greetings/preview", htmx=True, greeting="{cutomer_name}")
    assert "不认识" in await wrong.text()
    await browser.post(f"/console/greetings/{channel_id}", greeting="欢迎{customer_name}")
    (channel,) = await rows(shop, Channel)
    assert channel.greeting["text"] == "欢迎{customer_name}"
    page = await browser.text(f"/console/greetings?channel={channel_id}")
    assert "欢迎小林" in page


async def test_groups_show_growth_silence_drift_and_people_in_several(
    shop: PagesShop, browser: Guide
) -> None:
    await shop.furnish()
    page = await browser.text("/console/groups")
    for words in ("暖屿宝妈交流一群", "苏晴", "沉寂", "还没分类", "3 个群", "+2"):
        assert words in page, words
    silent = await browser.text("/console/groups?silent=1")
    assert "<b>周五闪购群</b>" in silent
    assert "<b>老客专享群</b>" not in silent


async def test_one_group_is_given_a_purpose_and_its_greeting_noted(
    shop: PagesShop, browser: Guide
) -> None:
    await shop.furnish()
    path = "/console/groups/wrGroup2"
    segment = shop.bot.groups.segments.names[0]
    await browser.post(
        path, segment=segment, purpose="每周五晚八点", rules="不发广告", tags="闪购，周五"
    )
    (group,) = await rows(shop, CustomerGroup, CustomerGroup.chat_id == "wrGroup2")
    assert (group.segment, group.purpose, group.rules) == (segment, "每周五晚八点", "不发广告")
    assert {one.name for one in await rows(shop, GroupTag)} == {"闪购", "周五"}
    page = await browser.text(path)
    assert "米米" in page
    assert "苏晴 邀请" in page
    refused = await browser.post(f"{path}/picked", htmx=True)
    assert refused.status == 422
    assert (await browser.get("/console/groups/nobody")).status == 404


async def test_tags_are_made_renamed_and_deleted_at_wecom(shop: PagesShop, browser: Guide) -> None:
    await shop.furnish()
    page = await browser.text("/console/tags")
    assert "客户类型" in page
    assert "只读" in page
    foreign = await browser.post("/console/tags/etVIP/delete", htmx=True)
    assert foreign.status == 422
    await browser.post("/console/tags", group="机器人", name="怕扎")
    (tag,) = await rows(shop, CorpTag, CorpTag.name == "怕扎")
    assert tag.ours
    await browser.post(f"/console/tags/{tag.tag_id}/rename", name="怕扎肤")
    assert "怕扎肤" in await browser.text("/console/tags")
    await browser.post(f"/console/tags/{tag.tag_id}/delete")
    assert "怕扎肤" not in await browser.text("/console/tags")


@pytest.mark.parametrize(
    "path",
    ["segments", "customers/wmLin/opt-out", "customers/wmLin/portrait", "customers/wmLin/tags",
     "channels", "channels/1", "channels/1/delete", "greetings/1", "greetings/preview",
     "groups/wrGroup0", "groups/wrGroup0/picked", "tags", "tags/et1/rename", "tags/et1/delete"],
)  # fmt: skip
async def test_nothing_changes_without_the_sessions_token(browser: Guide, path: str) -> None:
    browser.csrf = "wrong"
    answer = await browser.post(f"/console/{path}", name="甲", out="1")
    assert answer.status == 403
