"""What no single field shows: steps in order, content for everybody, and the platform's shapes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path as FilePath

from ..content import Content
from ..journey import (
    DEFAULT_SEGMENT,
    WAYS,
    Audience,
    CohortBy,
    Condition,
    Days,
    Journey,
    SignalKind,
    Step,
    StepKind,
    TriggerKind,
    Way,
)
from .faults import Finding, Path, suggestion

_ATTACHMENTS = 9
_MOMENT_CHARACTERS, _MOMENT_BYTES = 2_000, 4_000
_MOMENT_TITLE = 64
_TITLE_BYTES, _DESC_BYTES, _PROGRAM_BYTES = 128, 512, 64
_CHAT_BYTES = {StepKind.NUDGE: 2_048, StepKind.MASS_SEND: 4_000, StepKind.GROUP_POST: 4_000}
_KF_PARTS = 4
_IMAGE_ENDINGS = (".png", ".jpg", ".jpeg")
_PERSONAL = {
    StepKind.MOMENT: ("customer_name", "guide_name"),
    StepKind.MASS_SEND: ("customer_name",),
    StepKind.GROUP_POST: ("customer_name",),
}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Names that journeys may use; None accepts any. Images lie in one of `roots`."""

    stages: Collection[str] | None = None
    scripts: Collection[str] | None = None
    variables: Collection[str] | None = None
    roots: tuple[FilePath, ...] = ()


def check_journey(journey: Journey, known: Vocabulary) -> Iterator[Finding]:
    """Every fault of a journey that has the right shape."""
    yield from _check_triggers(journey, known)
    yield from _check_cohort(journey)
    yield from _check_order(journey)
    for index, step in enumerate(journey.steps):
        path: Path = ("steps", index)
        yield from _check_step(journey, step, path)
        yield from _check_names(step, path, known)
        yield from _check_contents(journey, step, path, known)


def _check_triggers(journey: Journey, known: Vocabulary) -> Iterator[Finding]:
    if known.stages is None:
        return
    for index, trigger in enumerate(journey.triggers):
        if trigger.kind is TriggerKind.STAGE_ENTERED:
            yield from _unknown(trigger.values, known.stages, ("triggers", index), "阶段")
    for index, leave in enumerate(journey.exits):
        if leave.signal is SignalKind.STAGE_MOVED:
            yield from _unknown(leave.values, known.stages, ("exits", index), "阶段")


def _check_cohort(journey: Journey) -> Iterator[Finding]:
    moments = bool(journey.steps_for(Audience.COHORT))
    if not moments and journey.cohort is not None:
        yield Finding(("cohort",), "没有朋友圈步骤，不需要 cohort", "删掉 cohort")
    if not moments:
        return
    if journey.cohort is None:
        mend = "加上 cohort: {by: joining_day}（按加入日）或 {by: segment}（按客群）"
        yield Finding(("steps",), "有朋友圈步骤，但没有写 cohort", mend)
        return
    dated = [one for one in journey.triggers if one.kind is TriggerKind.DATE]
    if dated and journey.cohort.by is CohortBy.JOINING_DAY:
        mend = "改成 cohort: {by: segment}"
        yield Finding(("cohort",), "按日期触发的朋友圈不能按加入日分批", mend)
    if not dated and journey.cohort.by is CohortBy.SEGMENT:
        mend = "改成 cohort: {by: joining_day}，或加上 date 触发"
        yield Finding(("cohort",), "按客群分批的朋友圈要由日期触发", mend)


def _check_order(journey: Journey) -> Iterator[Finding]:
    ids = {step.id for step in journey.steps}
    seen: dict[str, Step] = {}
    latest: dict[tuple[Audience, bool], timedelta] = {}
    for index, step in enumerate(journey.steps):
        path: Path = ("steps", index)
        if step.id in seen:
            yield Finding((*path, "id"), f"步骤编号「{step.id}」重复", "每一步用不同的编号")
        yield from _check_base(step, path, seen, later=ids)
        seen[step.id] = step
        timing = step.timing
        if timing.after_step is not None or timing.after_event is not None:
            continue
        offset = timing.offset
        total = _total(step)
        kind = (step.kind.audience, offset.at is None)
        if total < latest.get(kind, total):
            mend = "把步骤按时间先后排列，或改正 at"
            yield Finding((*path, "at"), "这一步比前面的步骤还早", mend)
        latest[kind] = max(total, latest.get(kind, total))


def _check_base(
    step: Step, path: Path, seen: dict[str, Step], *, later: Collection[str]
) -> Iterator[Finding]:
    base = step.timing.after_step
    if base is None:
        return
    if base not in seen and base in later:
        fault = f"「{base}」写在这一步后面，还没有走到"
        yield Finding((*path, "after"), fault, f"把「{base}」移到前面，或改用 at")
    elif base not in seen:
        mend = suggestion(base, seen) if seen else "第一步用 at"
        yield Finding((*path, "after"), f"前面没有编号为「{base}」的步骤", mend)
    elif seen[base].kind.audience is not step.kind.audience:
        mend = "朋友圈、群内发布和一对一的步骤各走各的，改用 at"
        yield Finding((*path, "after"), f"不能接在「{base}」之后，它发给另一类对象", mend)


def _check_step(journey: Journey, step: Step, path: Path) -> Iterator[Finding]:
    clock = step.timing.offset.at
    window = step.window
    if clock is not None and window is not None and not window.opens <= clock < window.closes:
        yield Finding((*path, "window"), f"{clock:%H:%M} 不在时段 {window} 里", "改时间或时段")
    foreign = [way for way in step.ways if way not in WAYS[step.kind]]
    if foreign:
        mend = f"可用：{'、'.join(WAYS[step.kind])}；或删掉 ways"
        yield Finding((*path, "ways"), f"{step.kind.zh}不能走 {'、'.join(foreign)}", mend)
    if step.kind is StepKind.MOMENT:
        yield from _check_moment(journey, step, path)


def _check_moment(journey: Journey, step: Step, path: Path) -> Iterator[Finding]:
    timing = step.timing
    dated = timing.after_step is None and timing.after_event is None
    if not dated or timing.offset.at is None:
        mend = 'at 写 day 和 time，如 at: {day: 1, time: "09:30"}'
        yield Finding(path, "朋友圈要写明第几天几点", mend)
    joining = journey.cohort is not None and journey.cohort.by is CohortBy.JOINING_DAY
    if joining and timing.offset.at is not None and timing.offset.days < 1:
        mend = "day 从 1 开始：加入当天标签还没打齐，当天发会有人看不到"
        yield Finding((*path, "at"), "按加入日分批的朋友圈不能在加入当天发", mend)
    if step.days is not Days.ANY or step.condition != Condition():
        mend = "删掉 days 和 only_if，按客群写 content"
        yield Finding(path, "朋友圈发给一批人，不能按个人条件或工作日挪动", mend)


def _check_names(step: Step, path: Path, known: Vocabulary) -> Iterator[Finding]:
    if known.stages is not None:
        place = (*path, "only_if", "stages")
        yield from _unknown(step.condition.stages, known.stages, place, "阶段")


def _check_contents(
    journey: Journey, step: Step, path: Path, known: Vocabulary
) -> Iterator[Finding]:
    names = [arm.name for arm in step.variants]
    if len(set(names)) < len(names):
        yield Finding((*path, "variants"), "试验里有重名的方案", "每个方案用不同的 name")
    sources: list[tuple[Path, dict[str, Content]]] = [
        ((*path, "variants", index, "content"), dict(arm.content))
        for index, arm in enumerate(step.variants)
    ] or [((*path, "content"), dict(step.content))]
    segments = [segment.name for segment in journey.segments]
    for place, contents in sources:
        for name in contents:
            if name not in segments and name != DEFAULT_SEGMENT:
                mend = suggestion(name, [*segments, DEFAULT_SEGMENT])
                if segments == [DEFAULT_SEGMENT]:
                    mend = "先在旅程里写 segments；不分客群就在 content 下直接写 text"
                yield Finding((*place, name), f"没有名叫「{name}」的客群", mend)
        missing = [name for name in segments if name not in contents]
        strangers = segments == [DEFAULT_SEGMENT] and contents
        if missing and DEFAULT_SEGMENT not in contents and not strangers:
            mend = "补上这些客群的内容，或写一份 default"
            yield Finding(place, f"没有给客群「{'、'.join(missing)}」写内容", mend)
        for name, content in contents.items():
            own = (*place, name) if name != DEFAULT_SEGMENT else place
            yield from _check_content(step, content, own, known)


def _check_content(
    step: Step, content: Content, path: Path, known: Vocabulary
) -> Iterator[Finding]:
    if step.kind is StepKind.MOMENT:
        yield from _check_post(content, path)
    else:
        yield from _check_message(step, content, path)
    for name in _PERSONAL.get(step.kind, ()):
        if name in content.variables:
            fault = f"{step.kind.zh}同一份内容发给很多人，不能用 {{{name}}}"
            yield Finding(path, fault, "去掉这个变量")
    if known.variables is not None:
        yield from _unknown(content.variables, known.variables, path, "变量")
    if known.scripts is not None and content.script is not None:
        yield from _unknown_script(content.script, known.scripts, (*path, "script"))
    yield from _check_images(content, path, known.roots)


def _check_post(content: Content, path: Path) -> Iterator[Finding]:
    if content.miniprogram or content.script or content.script_tags:
        yield Finding(path, "朋友圈不能带小程序或引用话术", "写 text，配 images 或 link")
    if content.images and content.link:
        yield Finding(path, "朋友圈的图片和链接只能选一种", "只留 images 或 link")
    if content.text and len(content.text) > _MOMENT_CHARACTERS:
        yield Finding((*path, "text"), f"超过 {_MOMENT_CHARACTERS} 个字", "缩短文字")
    yield from _too_long(content.text, _MOMENT_BYTES, (*path, "text"))
    if content.link and len(content.link.title) > _MOMENT_TITLE:
        yield Finding((*path, "link", "title"), f"超过 {_MOMENT_TITLE} 个字", "缩短标题")
    if len(content.images) > _ATTACHMENTS:
        yield Finding((*path, "images"), f"图片多于 {_ATTACHMENTS} 张", "删到 9 张以内")
    covers = (content.link.image,) if content.link and content.link.image else ()
    if any(image.startswith("https://") for image in (*content.images, *covers)):
        yield Finding(path, "朋友圈的图片不能用网址", "下载后放到旅程目录下，写相对路径")


def _check_message(step: Step, content: Content, path: Path) -> Iterator[Finding]:
    yield from _too_long(content.text, _CHAT_BYTES.get(step.kind), (*path, "text"))
    if link := content.link:
        yield from _too_long(link.title, _TITLE_BYTES, (*path, "link", "title"))
        yield from _too_long(link.desc, _DESC_BYTES, (*path, "link", "desc"))
    if program := content.miniprogram:
        yield from _too_long(program.title, _PROGRAM_BYTES, (*path, "miniprogram", "title"))
    cards = [card for card in (content.link, content.miniprogram) if card is not None]
    if len(content.images) + len(cards) > _ATTACHMENTS:
        yield Finding(path, f"图片和卡片多于 {_ATTACHMENTS} 个", "删到 9 个以内")
    if Way.KF in step.roads and content.messages > _KF_PARTS:
        yield Finding(path, f"客服消息多于 {_KF_PARTS} 条", "减少图片，或 ways 里去掉 kf")
    if step.kind is StepKind.GUIDE_TASK and content.todo is None:
        mend = "在 content 里补上 todo，一句话说清"
        yield Finding((*path, "todo"), "导购任务没有写要做什么", mend)
    if program and not program.image and step.kind is not StepKind.GUIDE_TASK:
        mend = "在 miniprogram 里补上 image"
        yield Finding((*path, "miniprogram", "image"), "小程序没有封面图，企业微信不收", mend)


def _too_long(text: str | None, limit: int | None, path: Path) -> Iterator[Finding]:
    if text and limit is not None and len(text.encode()) > limit:
        yield Finding(path, f"超过 {limit} 字节", f"缩短到约 {limit // 3} 个汉字以内")


def _check_images(content: Content, path: Path, roots: tuple[FilePath, ...]) -> Iterator[Finding]:
    cards = [card.image for card in (content.link, content.miniprogram) if card is not None]
    for image in (*content.images, *filter(None, cards)):
        if image.startswith("https://"):
            continue
        if not image.lower().endswith(_IMAGE_ENDINGS):
            yield Finding(path, f"「{image}」不是 png 或 jpg 图片", "换成 png 或 jpg")
        elif roots and not any(_inside(root, image) for root in roots):
            mend = "把图片放到旅程目录下，写相对路径"
            yield Finding(path, f"找不到图片「{image}」", mend)


def _inside(root: FilePath, image: str) -> bool:
    place = (root / image).resolve()
    return place.is_relative_to(root.resolve()) and place.is_file()


def _unknown_script(script: str, known: Collection[str], path: Path) -> Iterator[Finding]:
    """A shop has hundreds of scripts: too many to pick from a list."""
    if script not in known:
        mend = suggestion(script, known)
        listed = "编号见 wecom-bot scripts list"
        mend = listed if mend.startswith("删掉") else f"{mend}；{listed}"
        yield Finding(path, f"没有名叫「{script}」的话术", mend)


def _unknown(
    names: Collection[str], known: Collection[str], path: Path, noun: str
) -> Iterator[Finding]:
    for name in names:
        if name not in known:
            yield Finding(path, f"没有名叫「{name}」的{noun}", suggestion(name, known))


def _total(step: Step) -> timedelta:
    offset = step.timing.offset
    clock = offset.at
    minutes = clock.hour * 60 + clock.minute if clock is not None else 0
    return offset.delay + timedelta(days=offset.days, minutes=minutes)
