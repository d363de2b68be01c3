"""Journeys edited in forms, as a browser without scripts does it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from consoleshop import Guide, guide
from formfields import fields_in
from hypothesis import given
from hypothesis import strategies as st
from outreachpages import open_outreach
from pagesshop import PagesShop

from bot.outreach.journey_shelf import Shelved
from bot.web.console.journey_drafts import placed
from bot.web.console.journey_frame_fields import frame_fields, frame_of
from bot.web.console.journey_step_fields import segments_of, step_fields, step_of
from bot.web.console.plain_fields import split_words, words_in
from scheduler.reading.excerpts import folder_excerpts
from scheduler.reading.loading import SHIPPED
from scheduler.reading.rewriting import entry_of

LIST = "/console/outreach/journeys"
CARE = f"{LIST}/parcel_arrived"
NEW = f"{LIST}/newcomer"


@pytest.fixture
async def shop(new_sqlite_url: str, small_model: dict[str, Any]) -> AsyncIterator[PagesShop]:
    async with open_outreach(new_sqlite_url, small_model) as shop:
        yield shop


@pytest.fixture
async def browser(shop: PagesShop) -> AsyncIterator[Guide]:
    async with guide(shop.server) as browser:
        await browser.arrive(shop.password)
        yield browser


async def form(browser: Guide, path: str, form_id: str = "step-form") -> dict[str, str]:
    return fields_in(await browser.text(path), form_id)


async def sent(browser: Guide, path: str, fields: dict[str, str], do: str = "save") -> str:
    """The page that comes back; empty once the form was kept."""
    answer = await browser.post(path, **fields | {"do": do})
    return "" if answer.status == 303 else await answer.text()


async def journey(shop: PagesShop, name: str) -> Shelved:
    return await shop.bot.journeys.get(name)


def test_no_shipped_journey_changes_by_passing_through_the_forms() -> None:
    for _, text in folder_excerpts(SHIPPED).values():
        entry = entry_of(text)
        assert entry is not None
        assert frame_of(frame_fields(entry), entry) == entry
        segments = segments_of(entry)
        for step in entry["steps"]:
            assert step_of(step_fields(step, segments), step, segments) == step


def test_a_step_takes_the_place_of_its_time_and_takes_along_who_waits_for_it() -> None:
    steps: list[dict[str, Any]] = [
        {"id": "a", "kind": "nudge", "at": {"day": 1, "time": "10:00"}},
        {"id": "post", "kind": "moment", "at": {"day": 9, "time": "10:00"}},
        {"id": "b", "kind": "nudge", "at": {"day": 2, "time": "10:00"}},
        {"id": "after-a", "kind": "nudge", "after": {"step": "a", "hours": 1}},
        {"id": "c", "kind": "nudge", "at": {"day": 4, "time": "10:00"}},
    ]
    later = {**steps[0], "at": {"day": 3, "time": "10:00"}}
    assert [one["id"] for one in placed(steps, later)] == ["post", "b", "a", "after-a", "c"]
    new = {"id": "new", "kind": "nudge", "at": {"day": 2, "time": "09:00"}}
    assert [one["id"] for one in placed(steps, new)] == ["a", "post", "new", "b", "after-a", "c"]
    assert placed(steps, steps[2]) == steps


async def test_one_word_changed_in_the_form_is_one_line_changed_in_the_text(
    shop: PagesShop, browser: Guide
) -> None:
    before = await shop.bot.journeys.text("newcomer")
    path = f"{NEW}/steps/day2"
    fields = await form(browser, path)
    assert await sent(browser, path, fields) == ""
    assert (await journey(shop, "newcomer")).number is None
    fields["c0.0.text"] += "\n第二句：洗前翻面。"
    assert await sent(browser, path, fields) == ""
    after = await shop.bot.journeys.text("newcomer")
    assert after.count("\n") == before.count("\n") + 1
    assert "# —— 第 2 天 了解你：东西是怎么做出来的 ——" in after
    [version] = await shop.bot.journeys.versions("newcomer")
    assert (version.note, version.saved_by) == ("修改“了解你·怎么做的”", "admin")
    assert "第二句：洗前翻面。" in await browser.text(NEW)


async def test_faults_stand_beside_their_fields_and_nothing_written_is_lost(
    shop: PagesShop, browser: Guide
) -> None:
    path = f"{NEW}/steps/day1"
    fields = await form(browser, path)
    fields |= {"day": "0", "c0.1.text": "{customer_name|您}早", "c0.2.image.0": "没有.jpg"}
    page = await sent(browser, path, fields)
    errors = [page.partition(f'id="e-{name}">')[2].partition("</p>")[0] for name in (
        "base", "c0.1.says", "c0.2.says")]  # fmt: skip
    assert "不能在加入当天发" in page
    assert "朋友圈同一份内容发给很多人" in errors[1]
    assert "找不到图片「没有.jpg」" in errors[2]
    shown = fields_in(page, "step-form")
    assert {name: shown.get(name, "") for name in fields} == fields | {"segment": ""}
    assert (await journey(shop, "newcomer")).number is None


async def test_the_second_of_two_operators_is_told_and_both_changes_stay(
    shop: PagesShop, browser: Guide
) -> None:
    path = f"{NEW}/steps/day2"
    mine, theirs = await form(browser, path), await form(browser, path)
    theirs |= {"time": "13:00", "c0.0.text": "对方的宝妈文案"}
    mine |= {"c0.0.text": "我的宝妈文案", "c0.1.text": "我的女装文案"}
    assert await sent(browser, path, theirs) == ""
    told = await sent(browser, path, mine)
    assert "刚保存了第 1 版" in told
    assert "<q>对方的宝妈文案</q>" in told
    again = fields_in(told, "step-form")
    assert (again["seen"], again["time"], again["c0.0.text"]) == ("1", "13:00", "我的宝妈文案")
    assert await sent(browser, path, again) == ""
    text = await shop.bot.journeys.text("newcomer")
    assert all(words in text for words in ("13:00", "我的宝妈文案", "我的女装文案"))
    assert "对方的宝妈文案" in await shop.bot.journeys.text("newcomer", 1)


async def test_steps_are_added_like_another_moved_and_taken_out(
    shop: PagesShop, browser: Guide
) -> None:
    new = await form(browser, f"{NEW}/new-step?like=day7")
    assert new["day"] == "8"
    new |= {"purpose": "第八天再见", "c0.0.text": "还在呢"}
    assert await sent(browser, f"{NEW}/new-step", new) == ""
    walked = (await journey(shop, "newcomer")).journey
    assert walked is not None
    assert "day7_v1" in [one.id for one in walked.steps]
    moved = await browser.post(f"{NEW}/steps/day7_v1/move", seen="1", day="3", time="08:00")
    assert moved.status == 303
    late = await browser.post(f"{NEW}/steps/day7_v1/remove", htmx=True, seen="1")
    assert late.status == 409
    gone = await browser.post(f"{NEW}/steps/day1/remove", seen="2")
    assert gone.status == 303
    page = await browser.text(NEW)
    order = [page.index(f'id="step-{one}"') for one in ("day2", "day7_v1", "day3")]
    assert order == sorted(order)
    assert 'id="step-day1"' not in page


async def test_an_experiment_pictures_and_a_mini_program_without_scripts(
    shop: PagesShop, browser: Guide
) -> None:
    step = (await journey(shop, "parcel_arrived")).journey.steps[0]  # type: ignore[union-attr]
    path = f"{CARE}/steps/{step.id}"
    fields = await form(browser, path)
    if fields["arms"] == "0":
        fields = fields_in(await sent(browser, path, fields, "arm.add"), "step-form")
    fields |= {"c0.0.says": "own", "c0.0.text": "甲", "c0.0.app.title": "洗护"}
    fields |= {"c0.0.app.appid": "wx1", "c0.0.app.page": "pages/care", "c1.0.text": "乙"}
    page = await sent(browser, path, fields)
    assert "小程序没有封面图" in page
    picture = "https://shop.example/cover.png"
    fields = fields_in(page, "step-form") | {"c0.0.app.image": picture}
    assert await sent(browser, path, fields) == ""
    saved = (await journey(shop, "parcel_arrived")).journey
    assert saved is not None
    assert (str(saved.steps[0].window), saved.steps[0].ways) == ("10:00-20:30", step.ways)
    arms = saved.steps[0].variants
    assert [one.content["default"].text for one in arms[:2]] == ["甲", "乙"]
    assert arms[0].content["default"].miniprogram.image == picture  # type: ignore[union-attr]


async def test_the_phone_shows_sample_names_and_what_could_not_be_sent(browser: Guide) -> None:
    path = f"{CARE}/phone?piece=c0.0."
    fields = {"kind": "nudge", "c0.0.text": "{customer_name|您}好，{shop_name}到货了"}
    shown = await (await browser.post(path, htmx=True, **fields)).text()
    assert "{" not in shown
    assert "到货了" in shown
    broken = await browser.post(path, htmx=True, **fields | {"c0.0.text": "{nobody}"})
    assert "nobody" in await broken.text()
    asked = {"kind": "nudge", "c0.0.says": "script", "c0.0.script": "no.such"}
    unknown = await browser.post(path, htmx=True, **asked)
    assert "话术库里没有 no.such" in await unknown.text()


async def test_what_begins_and_ends_is_chosen_by_what_people_call_it(
    shop: PagesShop, browser: Guide
) -> None:
    path = f"{LIST}/price_silent/frame"
    fields = await form(browser, path, "frame-form")
    assert "问价格" in fields["t0.values"]
    fields = fields_in(await sent(browser, path, fields, "trigger.add"), "frame-form")
    fields |= {"t0.values": "问价格", "t1.kind": "date", "t1.by": "weekly", "t1.date.weekly": "5"}
    fields |= {"exit.stage.won": "1", "priority": "900"}
    page = await sent(browser, path, fields)
    assert 'id="e-priority"' in page
    assert await sent(browser, path, fields | {"priority": "80"}) == ""
    kept = entry_of(await shop.bot.journeys.text("price_silent"))
    assert kept is not None
    assert kept["triggers"] == [{"silence": {"hours": 4, "after": ["ask_price"]}},
                                {"date": {"weekly": 5}}]  # fmt: skip
    assert {"stage_moved": ["won"]} in kept["exits"]
    assert kept["priority"] == 80


def test_a_name_that_holds_a_comma_stands_in_quotes_and_comes_back_as_one() -> None:
    names = ["老客", "新品，限量", "a,b;c", "“真丝”", "满 300、减 30"]
    assert words_in(names) == '老客、"新品，限量"、"a,b;c"、"“真丝”"、"满 300、减 30"'
    assert split_words(words_in(names)) == names
    assert split_words(' “甲、乙” ，say "hi"; "x') == ["甲、乙", 'say "hi"', '"x']
    assert split_words('\u3000"甲，乙"、丙') == ["甲，乙", "丙"]


@given(st.lists(st.text('a甲 ,，、;；"“”', min_size=1, max_size=8), max_size=4))
def test_any_names_come_back_from_a_field_as_they_were(names: list[str]) -> None:
    kept = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    assert split_words(words_in(kept)) == kept


async def test_a_step_waits_for_another_or_for_an_event_by_its_name(
    shop: PagesShop, browser: Guide
) -> None:
    path = f"{CARE}/steps/care"
    page = await browser.text(path)
    assert fields_in(page, "step-form")["base_step"] == "fit"
    assert '<option value="领了优惠券">' in page
    fields = fields_in(page, "step-form") | {"base": "event", "base_event": "领了优惠券"}
    fields |= {"by": "hours", "hours": "2.5", "within": "48"}
    assert await sent(browser, path, fields) == ""
    kept = entry_of(await shop.bot.journeys.text("parcel_arrived"))
    assert kept is not None
    assert kept["steps"][1]["after"] == {
        "event": "got_coupon",
        "hours": 2.5,
        "within_hours": 48,
    }
    assert "领了优惠券" in await browser.text(CARE)


async def test_forged_fields_break_no_page(shop: PagesShop, browser: Guide) -> None:
    path = f"{NEW}/steps/hello"
    fields = await form(browser, path)
    for forged in (
        {"kind": "🙂", "arms": "99", "base": "x"},
        {"day": "1e9", "hours": "nan", "by": "hours", "late": "-1", "seen": "{"},
        {"c0.0.says": "script", "c0.0.script": "", "a0.weight": "x", "from": "9"},
    ):
        for act in ("check", "save", "arm.drop.9", "image.drop.c9.9.99", "more"):
            answer = await browser.post(path, **fields | forged | {"do": act})
            assert answer.status == 200, (forged, act)
    assert (await journey(shop, "newcomer")).number is None


async def test_a_journey_is_made_from_another_and_waits(shop: PagesShop, browser: Guide) -> None:
    path = "/console/outreach/copy-journey"
    empty = await browser.post(path, **{"from": "newcomer", "name": ""})
    assert 'id="e-name"' in await empty.text()
    made = await browser.post(path, **{"from": "newcomer", "name": "秋天的新朋友"})
    assert made.headers["Location"].startswith(f"{LIST}/newcomer_2")
    new = await journey(shop, "newcomer_2")
    assert new.journey is not None
    assert (new.enabled, new.journey.name) == (False, "秋天的新朋友")
    assert new.journey.cohort is not None
    assert new.journey.cohort.tag_prefix == "新客2"
    text = (await shop.bot.journeys.text("newcomer_2")).replace(
        "tag_prefix: 新客2", "tag_prefix: 新客"
    )
    refused = await browser.post(f"{LIST}/newcomer_2/yaml", text=text, seen="1")
    assert "和「newcomer」用了同样的批次标签" in await refused.text()


async def test_a_segment_comes_with_words_for_every_step_before_whoever_takes_the_rest(
    shop: PagesShop, browser: Guide
) -> None:
    path = f"{NEW}/frame"
    fields = await form(browser, path, "frame-form")
    fields |= {"new.zh": "老师", "new.tags": "老师、教师", "new.like": "women"}
    assert await sent(browser, path, fields) == ""
    kept = await journey(shop, "newcomer")
    assert kept.journey is not None
    names = [one.name for one in kept.journey.segments]
    assert names == ["mothers", "women", "segment_1", "home"]
    assert kept.journey.segment_of(["教师"]) == "segment_1"
    for step in kept.journey.steps:
        arm = step.variants[0].name if step.variants else None
        assert step.content_for("segment_1", arm) == step.content_for("women", arm)
    assert "# —— 第 2 天 了解你" in await shop.bot.journeys.text("newcomer")
    fields = await form(browser, path, "frame-form") | {"s.segment_1.gone": "1"}
    assert await sent(browser, path, fields) == ""
    assert entry_of(await shop.bot.journeys.text("newcomer")) == entry_of(
        await shop.bot.journeys.text("newcomer", 0)
    )
    first = await form(browser, f"{CARE}/frame", "frame-form")
    assert await sent(browser, f"{CARE}/frame", first | {"new.zh": "宝妈"}) == ""
    care = (await journey(shop, "parcel_arrived")).journey
    assert care is not None
    assert [one.zh for one in care.segments] == ["宝妈", "其他客户"]
