"""Greetings of segments, owners who have not chosen them, and digests of newcomers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from group_fixtures import KAI, LIN, MAY, QING, SHAN, TANG, TUAN, VARIABLES, ZHOU, Shop
from group_fixtures import shop as shop
from group_fixtures import small_shop as small_shop
from hypothesis import given
from hypothesis import strategies as st
from meanwhile import Meanwhile
from meanwhile import meanwhile as meanwhile
from pydantic import ValidationError
from sqlalchemy import update

from bot.errors import Conflict, GiveUp, NotFound, UnknownOutcome, Unprocessable
from bot.groups.digests import Digester
from bot.groups.listing import show_group
from bot.groups.profiles import ProfilePatch
from bot.groups.segments import Segments
from bot.groups.templates import GroupTemplates, TemplateDraft, TemplatePatch
from bot.groups.wording import check_text, render
from bot.sandbox import Fault, gatherings
from bot.store.channel_tables import GuideNotice
from bot.store.database import Database
from bot.store.group_tables import GroupDigest, GroupTemplate

ADD = "externalcontact/group_welcome_template/add"
on_postgres = pytest.mark.parametrize(
    "database", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


class Nobody:
    """Stands where nothing is to be asked."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


async def drift(shop: Shop, chat_id: str) -> str:
    async with shop.database.read() as session:
        return (await show_group(session, chat_id)).drift


async def test_samples_name_the_way_to_the_bot_and_fit(small_shop: Shop) -> None:
    segments = Segments.load()
    assert {"mothers", "seniors", "vip", "flash_sale"} <= set(segments.names)
    for name in segments.names:
        greeting = segments.get(name).greeting
        assert "%NICKNAME%" in greeting and "{kf_link}" in greeting
        filled = render(greeting, {"shop_name": "店" * 40, "kf_link": "https://x/" + "y" * 200})
        assert len(filled.encode()) <= 3000


async def test_a_segments_greeting_reaches_wecom_with_a_kf_link(shop: Shop) -> None:
    template = await shop.groups.templates.create(TemplateDraft(segment="mothers"))
    assert template.status == "active" and template.template_id
    [made] = shop.calls("group_welcome_template/add")
    text = made["text"]["content"]
    assert "%NICKNAME%" in text and "https://work.weixin.qq.com/kf/" in text
    assert "暖屿生活馆" in text and "{" not in text
    chat = shop.open("宝妈群")
    gatherings.pick_template(shop.platform, chat, template.template_id)
    gatherings.join(shop.platform, chat, [LIN])
    [greeting] = gatherings.greetings(shop.platform, chat)
    assert "欢迎 小林 妈妈" in greeting["text"]


async def test_words_are_changed_in_place_with_the_same_link(shop: Shop) -> None:
    templates = shop.groups.templates
    made = await templates.create(TemplateDraft(segment="vip"))
    changed = await templates.change(
        made.id, TemplatePatch(text="%NICKNAME% 您好，{shop_name} 欢迎您：{kf_link}")
    )
    assert changed.template_id == made.template_id
    [edit] = shop.calls("group_welcome_template/edit")
    assert edit["text"]["content"].startswith("%NICKNAME% 您好，暖屿生活馆 欢迎您：https://")
    links = [call for call in shop.platform.calls if call.api == "kf/add_contact_way"]
    assert len(links) == 1
    await templates.delete(made.id)
    with pytest.raises(NotFound):
        await templates.get(made.id)
    assert await templates.all() == []


async def test_one_greeting_a_segment_and_only_known_segments(small_shop: Shop) -> None:
    templates = small_shop.groups.templates
    await templates.create(TemplateDraft(segment="vip"))
    with pytest.raises(Conflict):
        await templates.create(TemplateDraft(segment="vip"))
    with pytest.raises(Unprocessable, match="群分类"):
        await templates.create(TemplateDraft(segment="cats"))
    with pytest.raises(Unprocessable, match="coupon"):
        await templates.create(TemplateDraft(segment="service", text="你好 {coupon}"))


async def test_a_lost_answer_waits_for_a_person(small_shop: Shop) -> None:
    """WeCom lists no templates: a second one by itself would bother all owners twice."""
    shop = small_shop
    shop.platform.faults.set(Fault.LOST_ANSWER, times=1, api=ADD)
    with pytest.raises(UnknownOutcome):
        await shop.groups.templates.create(TemplateDraft(segment="vip"))
    [template] = await shop.groups.templates.all()
    assert (template.status, template.template_id) == ("unsure", None)
    await shop.groups.keeper.round()
    assert len(shop.calls("group_welcome_template/add")) == 1
    again = await shop.groups.templates.retry(template.id)
    assert again.status == "active"


async def test_two_who_ask_again_at_once_make_one_greeting(small_shop: Shop) -> None:
    """Each one made is told to all owners."""
    shop = small_shop
    shop.platform.faults.set(Fault.LOST_ANSWER, times=1, api=ADD)
    with pytest.raises(UnknownOutcome):
        await shop.groups.templates.create(TemplateDraft(segment="vip"))
    [template] = await shop.groups.templates.all()
    asked = await asyncio.gather(
        *(shop.groups.templates.retry(template.id) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in asked) == ["Conflict", "GroupTemplate"]
    assert len(shop.calls("group_welcome_template/add")) == 2


@on_postgres
async def test_two_greetings_of_a_segment_at_once_are_one(
    shop: Shop, meanwhile: Meanwhile
) -> None:
    async def another(replica: Database) -> None:
        templates = GroupTemplates(
            replica, Nobody(), shop.clock, Segments.load(), door=Nobody(), media=Nobody(),
            variables=VARIABLES,
        )  # fmt: skip
        with suppress(Conflict, AttributeError):
            await templates.create(TemplateDraft(segment="vip", text="%NICKNAME% 您好"))

    meanwhile.after(shop.database, "FROM group_template", another)
    await shop.groups.templates.create(TemplateDraft(segment="vip"))
    meanwhile.end()
    assert len(await shop.groups.templates.all()) == 1


@on_postgres
async def test_words_and_attachment_changed_at_once_are_both_said(
    shop: Shop, meanwhile: Meanwhile
) -> None:
    made = await shop.groups.templates.create(TemplateDraft(segment="vip"))
    words = update(GroupTemplate).values(text="%NICKNAME% 新的话")
    meanwhile.after(shop.database, "FROM group_template", words)
    link = {"link": {"title": "会员日", "url": "https://shop.example/"}}
    changed = await shop.groups.templates.change(made.id, TemplatePatch(attachment=link))
    assert (changed.text, changed.attachment) == ("%NICKNAME% 新的话", link)
    last = shop.calls("group_welcome_template/edit")[-1]
    assert (last["text"]["content"], "link" in last) == ("%NICKNAME% 新的话", True)


async def test_a_refusal_is_kept_with_its_reason(small_shop: Shop) -> None:
    shop = small_shop
    with pytest.raises(GiveUp, match="封面"):
        await shop.groups.templates.create(
            TemplateDraft(
                segment="vip",
                attachment={"miniprogram": {"appid": "wx1", "title": "券", "page": "p"}},
            )
        )
    [template] = await shop.groups.templates.all()
    assert template.status == "failed" and "封面" in (template.error or "")


@pytest.mark.parametrize("text", ["", "  ", "你好 %NAME%", "长" * 1000])
def test_words_that_wecom_would_refuse(text: str) -> None:
    with pytest.raises(ValueError):
        check_text(text)
    with pytest.raises(ValidationError):
        TemplateDraft(segment="vip", text=text)


@given(st.text(max_size=80))
def test_only_known_variables_are_ever_filled(text: str) -> None:
    try:
        filled = render(text, {"shop_name": "店"})
    except GiveUp:
        return
    assert "{shop_name}" not in filled


async def test_owners_are_asked_once_for_all_their_groups_then_reminded(shop: Shop) -> None:
    first, second = shop.open("宝妈一群"), shop.open("宝妈二群")
    other = shop.open("宝妈三群", owner=TANG)
    await shop.settle()
    for chat in (first, second, other):
        await shop.groups.profiles.change(chat, ProfilePatch(segment="mothers"))
    assert await drift(shop, first) == "no_template"
    template = await shop.groups.templates.create(TemplateDraft(segment="mothers"))
    assert await drift(shop, first) == "not_picked"
    await shop.groups.keeper.round()
    await shop.groups.keeper.round()
    notices = await shop.rows(GuideNotice)
    assert sorted(notice.userid for notice in notices) == [QING, TANG]
    [qing] = [notice.text for notice in notices if notice.userid == QING]
    assert "「宝妈一群」" in qing and "「宝妈二群」" in qing and template.name in qing
    await shop.groups.tasks.picked(first, by=QING)
    assert await drift(shop, first) == "picked"
    for _ in range(12):
        shop.clock.turn(days=1)
        await shop.groups.keeper.round()
    assert await shop.count(GuideNotice, GuideNotice.userid == QING) == 3
    last = (await shop.rows(GuideNotice, GuideNotice.userid == QING))[-1].text
    assert "「宝妈一群」" not in last and "「宝妈二群」" in last


async def test_a_changed_segment_is_drift_again(small_shop: Shop) -> None:
    shop = small_shop
    chat = shop.open("老客群")
    await shop.settle()
    assert await drift(shop, chat) == "no_segment"
    with pytest.raises(Unprocessable):
        await shop.groups.tasks.picked(chat, by=QING)
    await shop.groups.profiles.change(chat, ProfilePatch(segment="service"))
    await shop.groups.templates.create(TemplateDraft(segment="service"))
    await shop.groups.tasks.picked(chat, by="店长")
    assert await drift(shop, chat) == "picked"
    await shop.groups.profiles.change(chat, ProfilePatch(segment="vip"))
    await shop.groups.templates.create(TemplateDraft(segment="vip"))
    assert await drift(shop, chat) == "outdated"


async def test_nobody_is_asked_at_night(small_shop: Shop) -> None:
    shop = small_shop
    chat = shop.open("宝妈群")
    await shop.settle()
    await shop.groups.profiles.change(chat, ProfilePatch(segment="mothers"))
    await shop.groups.templates.create(TemplateDraft(segment="mothers"))
    shop.clock.turn(hours=13)  # 23:00
    await shop.groups.keeper.round()
    assert await shop.count(GuideNotice) == 0
    shop.clock.turn(hours=10)
    await shop.groups.keeper.round()
    assert await shop.count(GuideNotice) == 1


async def test_newcomers_of_one_window_are_one_notice_with_words_to_send(shop: Shop) -> None:
    chat = shop.open("宝妈群", LIN)
    await shop.settle()
    await shop.groups.profiles.change(chat, ProfilePatch(segment="mothers"))
    for who in (MAY, ZHOU, SHAN):
        gatherings.join(shop.platform, chat, [who])
        await shop.settle(seconds=60)
    gatherings.leave(shop.platform, chat, [SHAN])
    await shop.settle()
    assert await shop.groups.digester.tend() == 0
    shop.clock.turn(minutes=30)
    assert await shop.groups.digester.tend() == 1
    assert await shop.groups.digester.tend() == 0
    [notice] = await shop.rows(GuideNotice)
    assert notice.userid == QING
    assert "「宝妈群」新来了 2 位客户：阿May、周姐" in notice.text
    assert "@阿May @周姐 欢迎新来的妈妈" in notice.text
    gatherings.join(shop.platform, chat, [KAI, TUAN])
    await shop.settle()
    shop.clock.turn(minutes=31)
    assert await shop.groups.digester.tend() == 1
    second = (await shop.rows(GuideNotice))[-1].text
    assert "阿凯" in second and "阿May" not in second


async def test_those_who_come_at_night_are_told_in_the_morning(small_shop: Shop) -> None:
    shop = small_shop
    chat = shop.open("福利群")
    await shop.settle()
    shop.clock.turn(hours=13)
    gatherings.join(shop.platform, chat, [LIN])
    await shop.settle()
    [digest] = await shop.rows(GroupDigest)
    assert digest.due_at.astimezone().astimezone(shop.groups.events._times.zone).hour == 8
    shop.clock.turn(hours=2)
    assert await shop.groups.digester.tend() == 0
    shop.clock.turn(hours=8)
    assert await shop.groups.digester.tend() == 1


async def test_whoever_left_again_is_not_announced(small_shop: Shop) -> None:
    shop = small_shop
    chat = shop.open("福利群")
    await shop.settle()
    gatherings.join(shop.platform, chat, [LIN])
    await shop.settle()
    gatherings.leave(shop.platform, chat, [LIN])
    await shop.settle()
    shop.clock.turn(minutes=40)
    assert await shop.groups.digester.tend() == 0
    [digest] = await shop.rows(GroupDigest)
    assert digest.state == "skipped"
    assert await shop.count(GuideNotice) == 0


async def test_colleagues_are_no_newcomers(small_shop: Shop) -> None:
    shop = small_shop
    chat = shop.open("福利群")
    await shop.settle()
    gatherings.join(shop.platform, chat, [TANG])
    await shop.settle()
    assert await shop.count(GroupDigest) == 0


@on_postgres
async def test_who_joins_while_the_others_are_told_of_is_told_of_next(
    shop: Shop, meanwhile: Meanwhile
) -> None:
    chat = shop.open("福利群")
    await shop.settle()
    gatherings.join(shop.platform, chat, [LIN])
    await shop.settle()
    shop.clock.turn(minutes=31)

    async def tells(replica: Database) -> None:
        times = Digester(replica, shop.clock, Segments.load(), variables=VARIABLES)
        await times.tend()

    meanwhile.after(shop.database, "FROM group_digest", tells)
    gatherings.join(shop.platform, chat, [KAI])
    await shop.settle()
    meanwhile.end()
    shop.clock.turn(minutes=31)
    await shop.groups.digester.tend()
    told = "".join(notice.text for notice in await shop.rows(GuideNotice))
    assert "小林" in told and "阿凯" in told
