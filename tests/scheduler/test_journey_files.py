from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler import JourneyError, StepKind, load_journeys, parse_journeys, starting_on
from scheduler.journey import Audience, CatchUp, CohortBy, TriggerKind, Way
from scripts_library import SensitiveWords, load_shop_variables
from scripts_library.sensitive import Direction

SHOP = Path("scripts_library/shop.example.yml")
STAGES = ["icebreak", "discover", "objection", "closing", "won", "repurchase", "dormant"]
STEP = "  - {id: a, purpose: 问候, kind: nudge, at: {hours: 1}, content: {text: 你好}}\n"
HEAD = "version: 1\njourneys:\n- id: one\n  name: 一\n"


def refusals(text: str, **known: object) -> str:
    with pytest.raises(JourneyError) as refused:
        parse_journeys(text, file="a.yml", **known)  # type: ignore[arg-type]
    return str(refused.value)


def journey_with(steps: str, more: str = "") -> str:
    return f"{HEAD}  triggers: [added: any]\n{more}  steps:\n{steps}"


def test_the_shipped_journeys_use_only_known_stages_and_variables() -> None:
    variables = {*load_shop_variables(str(SHOP)), "customer_name", "guide_name"}
    book = load_journeys(stages=STAGES, variables=variables)
    assert {journey.id for journey in book} >= {
        "newcomer",
        "after_activity",
        "price_silent",
        "abandoned_cart",
        "parcel_arrived",
        "win_back",
        "member_day",
        "wave",
        "group_week",
    }


def test_the_shipped_words_may_be_said() -> None:
    words = SensitiveWords.load()
    for journey in load_journeys():
        for step in journey.steps:
            sources = [step.content, *(arm.content for arm in step.variants)]
            for content in (one for source in sources for one in source.values()):
                for text in content.texts():
                    assert words.find(text, Direction.OUTGOING) == (), (journey.id, step.id)


def test_newcomers_see_seven_days_each_with_a_purpose_and_their_own_words() -> None:
    newcomer = load_journeys().get("newcomer")
    assert newcomer is not None
    posts = newcomer.steps_for(Audience.COHORT)
    assert [post.timing.offset.days for post in posts] == [1, 2, 3, 4, 5, 6, 7]
    assert [post.purpose[:3] for post in posts] == ["知道你"] + ["了解你"] * 3 + ["信任你"] * 3
    for post in posts:
        texts = {post.content_for(one.name) for one in newcomer.segments}
        assert len(texts) == len(newcomer.segments) >= 2


def test_the_wave_has_its_seven_steps_in_order() -> None:
    wave = load_journeys().get("wave")
    assert wave is not None
    posts = [step.purpose[0] for step in wave.steps if step.kind is StepKind.MOMENT]
    assert posts == list("一二三四五六七")


def test_a_journey_is_read_with_all_its_parts() -> None:
    text = """
version: 1
journeys:
- id: full
  name: 全部写法
  priority: 70
  triggers:
  - added: [shop-poster]
  - stage_entered: objection
  - silence: {hours: 48, after: ask_price}
  - birthday: {days_before: 3}
  segments:
    moms: {zh: 宝妈, tags: 宝妈}
    rest: {zh: 其他}
  exits: [replied, {stage_moved: [won]}, {tag_removed: 宝妈}]
  repeat: {rest_days: 30}
  cohort: {by: joining_day, tag_prefix: 新客}
  steps:
  - id: post
    purpose: 知道你
    kind: moment
    at: {day: 1, time: "9:30"}
    catch_up: {send_late: 6}
    content: {moms: {text: 妈妈好}, default: {text: 你好}}
  - id: ask
    purpose: 问候
    kind: nudge
    after: {event: opened_coupon, hours: 2, within_hours: 48}
    window: "10:00-20:00"
    days: workdays
    only_if: {stages: won, without_signals: [replied]}
    ways: [kf]
    catch_up: merge
    variants:
    - {name: a, weight: 3, content: {text: 甲}}
    - {name: b, content: {moms: {text: 乙}, rest: {script: care.one}}}
"""
    book = parse_journeys(text, stages=["won", "objection"], scripts=["care.one"])
    journey = next(iter(book))
    kinds = [trigger.kind for trigger in journey.triggers]
    assert kinds[2:] == [TriggerKind.SILENCE, TriggerKind.BIRTHDAY]
    assert journey.triggers[2].values == ("ask_price",)
    assert journey.segment_of({"宝妈"}) == "moms"
    assert journey.segment_of(()) == "rest"
    assert journey.cohort is not None
    assert journey.cohort.by is CohortBy.JOINING_DAY
    post, ask = journey.steps
    assert post.timing.offset.at == time(9, 30)
    assert (post.catch_up, post.late) == (CatchUp.SEND_LATE, timedelta(hours=6))
    assert ask.timing.within == timedelta(hours=48)
    assert ask.roads == (Way.KF,)
    assert ask.content_for("moms", "b") == ask.variants[1].content["moms"]
    assert ask.content_for("rest", "a") == ask.variants[0].content["default"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 1\njourneys: []\n", "第 2 行：journeys 应当是旅程的列表"),
        (HEAD + "  triggers: []\n  steps:\n" + STEP, "第 5 行（one）：「triggers」太少或是空的"),
        (journey_with("  - {id: a}\n"), "第 7 行（one）：缺少必填项「purpose」"),
        (journey_with(STEP.replace("nudge", "nudg")), "是不是想写「nudge」"),
        (journey_with(STEP.replace("hours: 1", "hour: 1")), "是不是想写「hours」"),
        (journey_with(STEP.replace("at: {hours: 1}", 'at: {time: "25:00"}')), "时间看不懂"),
        (journey_with(STEP.replace("at: {hours: 1}, ", "")), "要写明什么时候发"),
        (journey_with(STEP.replace("你好", "'你好{'")), "大括号写法不对"),
        (journey_with(STEP + STEP), "第 8 行（one）：步骤编号「a」重复"),
        (
            journey_with(STEP.replace("at: {hours: 1}", "after: {step: z}")),
            "没有编号为「z」的步骤",
        ),
        (
            journey_with(STEP + STEP.replace("id: a", "id: b").replace("hours: 1", "hours: 0")),
            "第 8 行（one）：这一步比前面的步骤还早",
        ),
        (journey_with(STEP.replace("nudge", "guide_task")), "导购任务没有写要做什么"),
        (journey_with(STEP.replace("nudge", "moment")), "有朋友圈步骤，但没有写 cohort"),
        (
            journey_with(
                STEP.replace("nudge", "moment").replace("{hours: 1}", '{day: 0, time: "10:00"}'),
                "  cohort: {by: joining_day}\n",
            ),
            "不能在加入当天发",
        ),
        (
            journey_with(
                STEP.replace("nudge", "moment").replace(
                    "你好", "你好, images: ['https://a/b.png']"
                ),
                "  cohort: {by: joining_day}\n",
            ),
            "朋友圈的图片不能用网址",
        ),
        (
            journey_with(
                STEP.replace("nudge", "mass_send").replace("你好", '"{customer_name}好"')
            ),
            "不能用 {customer_name}",
        ),
        (
            journey_with(STEP.replace("{text: 你好}", "{images: [a.png, b.gif], text: 你好}")),
            "「b.gif」不是 png 或 jpg 图片",
        ),
        (
            journey_with(STEP.replace("{text: 你好}", "{moms: {text: 你好}}")),
            "没有名叫「moms」的客群",
        ),
        (journey_with(STEP.replace("你好", "好" * 683)), "超过 2048 字节"),
        (
            journey_with(STEP.replace("nudge", "moment").replace("你好", "好" * 1334)),
            "超过 4000 字节",
        ),
        (
            journey_with(
                STEP.replace("text: 你好", f"link: {{title: {'好' * 43}, url: https://a.example}}")
            ),
            "超过 128 字节",
        ),
        ("version: 1\njourneys:\n- &a {id: one}\n- *a\n", "不支持 YAML 的引用"),
        ("version: 1\njourneys: [\n", "引号或括号没有成对"),
    ],
)
def test_a_mistake_names_file_line_fault_and_mend(text: str, said: str) -> None:
    message = refusals(text)
    assert said in message
    assert all("a.yml" in line and "改法：" in line for line in message.splitlines()[1:])


def test_all_mistakes_of_all_files_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(journey_with(STEP), encoding="utf-8")
    twice = journey_with(STEP.replace("nudge", "moment").replace("text", "txt"))
    (tmp_path / "b.yml").write_text(twice, encoding="utf-8")
    (tmp_path / "c.yml").write_text(journey_with(STEP), encoding="utf-8")
    with pytest.raises(JourneyError) as refused:
        load_journeys(tmp_path)
    assert {problem.file for problem in refused.value.problems} == {"b.yml", "c.yml"}
    assert "编号「one」在 a.yml 里已经用过" in str(refused.value)


def test_unknown_stages_scripts_and_variables_get_a_suggestion() -> None:
    text = journey_with(
        "  - {id: a, purpose: x, kind: nudge, at: {hours: 1}, only_if: {stages: wan},"
        " content: {text: '{shop_nam}'}}\n"
        "  - {id: b, purpose: x, kind: nudge, at: {hours: 2}, content: {script: care.on}}\n"
    )
    message = refusals(text, stages=["won"], scripts=["care.one"], variables=["shop_name"])
    assert "没有名叫「wan」的阶段。改法：是不是想写「won」" in message
    assert "没有名叫「shop_nam」的变量。改法：是不是想写「shop_name」" in message
    assert "没有名叫「care.on」的话术。改法：是不是想写「care.one」" in message


def test_images_must_lie_beside_the_file(tmp_path: Path) -> None:
    text = journey_with(STEP.replace("{text: 你好}", "{images: [../a.png, b.png]}"))
    (tmp_path / "j").mkdir()
    (tmp_path / "a.png").touch()
    (tmp_path / "j" / "b.png").touch()
    message = refusals(text, root=tmp_path / "j")
    assert "找不到图片「../a.png」" in message
    assert "b.png" not in message


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_with_problems(text: str) -> None:
    try:
        parse_journeys(text)
    except JourneyError as refused:
        assert refused.problems


def test_a_whole_year_of_date_journeys_begins_on_their_days() -> None:
    year = [date(2027, 1, 1) + timedelta(days=ahead) for ahead in range(365)]
    book = load_journeys()
    begun = [(day, one.id) for day in year for one in starting_on(book, day)]
    assert sum(name == "member_day" for _, name in begun) == 12
    assert {day.isoweekday() for day, name in begun if name == "group_week"} == {1}


@pytest.mark.parametrize(
    ("mistake", "line", "mend"),
    [
        (("  name: 茶", "  name：茶"), 4, "英文冒号"),
        (("    kind: nudge", "\tkind: nudge"), 9, "空格"),
        (("    kind: nudge", "   kind: nudge"), 9, "同级"),
        (('text: "喝茶吗"', 'text: "喝茶吗'), None, "引号"),
        (("    kind: nudge", "    kind:nudge"), 9, "空一格"),
        (("{hours: 1}", "｛hours: 1｝"), 10, "英文的 { }"),
        (('text: "喝茶吗"', "text: “喝茶吗”"), 11, "英文引号"),
        (('text: "喝茶吗"', "text: 明天: 喝茶"), 11, "英文双引号"),
        (('text: "喝茶吗"', "text: @大家 喝茶"), 11, "英文双引号"),
        (('text: "喝茶吗"', "text: 今天 #新茶# 到店"), 11, "英文双引号"),
    ],
)
def test_a_slip_of_the_pen_is_told_by_line_and_mend(
    mistake: tuple[str, str], line: int | None, mend: str
) -> None:
    tea = (
        "version: 1\njourneys:\n- id: tea\n  name: 茶\n  triggers: [{event: [tea]}]\n  steps:\n"
        "  - id: ask\n    purpose: 问\n    kind: nudge\n    at: {hours: 1}\n"
        '    content: {text: "喝茶吗"}\n'
    )
    with pytest.raises(JourneyError) as refused:
        parse_journeys(tea.replace(*mistake), file="tea.yml")
    [problem] = refused.value.problems
    assert problem.line == (line or problem.line)
    assert problem.line is not None
    assert mend in problem.mend


def test_two_journeys_may_not_aim_their_posts_at_the_same_tags() -> None:
    post = STEP.replace("nudge", "moment").replace("{hours: 1}", '{day: 1, time: "10:00"}')
    one = journey_with(post, "  cohort: {by: joining_day, tag_prefix: 新客}\n")
    two = one.partition("journeys:\n")[2].replace("id: one", "id: two")
    told = refusals(one + two)
    assert "a.yml 第 12 行（two）" in told
    assert "one" in told
    assert "tag_prefix" in told
    assert len(parse_journeys(one + two.replace("新客", "新友"))) == 2


def test_segments_that_no_journey_has_are_told_once_with_what_to_write() -> None:
    told = refusals(journey_with(STEP.replace("{text: 你好}", "{mothers: {text: 你好}}")))
    assert told.count("改法") == 1
    assert "先在旅程里写 segments" in told


@pytest.mark.parametrize(
    ("wrong", "mend"),
    [
        (("content:", "todo: 打电话, content:"), "把「todo」写到 content 里"),
        (("{hours: 1}", "{hours: 1, days: 1}"), "是不是想写「day」"),
        (("kind: nudge", "days: weekdays, kind: nudge"), "是不是想写「workdays」"),
        (("{text: 你好}", "{link: {title: 茶, url: shop.example}}"), "以 https:// 开头"),
        (("{text: 你好}", "{text: 好, miniprogram: {appid: a, title: b, page: c}}"), "补上 image"),
    ],
)
def test_a_key_at_the_wrong_place_is_told_where_it_belongs(
    wrong: tuple[str, str], mend: str
) -> None:
    assert mend in refusals(journey_with(STEP.replace(*wrong)))
