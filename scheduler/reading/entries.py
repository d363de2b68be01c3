"""Small pieces that journeys are written with: times, hours, words and contents."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from typing import Annotated, NoReturn

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ..content import Content, Link, MiniProgram, variables_of
from ..journey import Offset, TimeWindow

_CLOCK = re.compile(r"^([01]?\d|2[0-3]):([0-5]\d)$")
_WINDOW = re.compile(r"^\s*([\d:]+)\s*[-–~至]\s*([\d:]+)\s*$")


def refuse(fault: str, mend: str) -> NoReturn:
    raise PydanticCustomError("journey", "{fault}", {"fault": fault, "mend": mend})


def listed(value: object) -> object:
    if value is None:
        return []
    return value if isinstance(value, list | tuple) else [value]


def _clock(value: object) -> object:
    if value is None or isinstance(value, time):
        return value
    if isinstance(value, str) and (match := _CLOCK.match(value.strip())):
        return time(int(match[1]), int(match[2]))
    refuse("时间看不懂", '写成带引号的 "09:30"')


def _window(value: object) -> object:
    if value is None or isinstance(value, TimeWindow):
        return value
    match = _WINDOW.match(value) if isinstance(value, str) else None
    if match is None or not (_CLOCK.match(match[1]) and _CLOCK.match(match[2])):
        refuse("时段看不懂", '写成带引号的 "10:00-20:00"')
    opens, closes = _clock(match[1]), _clock(match[2])
    if not (isinstance(opens, time) and isinstance(closes, time) and opens < closes):
        refuse("时段的开始不在结束之前", "对调两个时间；时段不能跨过午夜")
    return TimeWindow(opens, closes)


def _hours(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 8784:
        refuse("小时数不对", "写成大于 0 的数字，例如 24，最多一年")
    return timedelta(hours=value)


def _date(value: object) -> object:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            pass
    elif type(value) is date or value is None:
        return value
    refuse("日期看不懂", "写成 2026-12-12 这样的日期")


def _text(value: str) -> str:
    try:
        variables_of(value)
    except ValueError as error:
        refuse(str(error), "变量写成 {shop_name} 或 {shop_name|备用文字}，大括号本身写两个")
    return value


def _address(value: str) -> str:
    if not value.startswith(("https://", "http://", "{")):
        refuse(f"网址「{value}」不完整", "以 https:// 开头，或写变量，例如 {shop_url}")
    return value


Filled = Annotated[str, Field(min_length=1)]
Template = Annotated[str, Field(min_length=1), AfterValidator(_text)]
Address = Annotated[Template, AfterValidator(_address)]
Word = Annotated[str, Field(min_length=1, max_length=64)]
Words = Annotated[tuple[Word, ...], BeforeValidator(listed)]
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,64}$")]
Clock = Annotated[time | None, BeforeValidator(_clock)]
Window = Annotated[TimeWindow | None, BeforeValidator(_window)]
Hours = Annotated[timedelta, BeforeValidator(_hours)]
Day = Annotated[date | None, BeforeValidator(_date)]
Count = Annotated[int, Field(ge=0, le=730, strict=True)]


class Entry(BaseModel):
    model_config = ConfigDict(
        extra="forbid", str_strip_whitespace=True, frozen=True, coerce_numbers_to_str=True
    )


class OffsetEntry(Entry):
    day: Count | None = None
    time: Clock = None
    hours: Annotated[float, Field(ge=0, le=8784, strict=True)] | None = None
    minutes: Annotated[float, Field(ge=0, le=527_040, strict=True)] | None = None

    @model_validator(mode="after")
    def _either(self) -> OffsetEntry:
        by_day = self.day is not None or self.time is not None
        by_hours = self.hours is not None or self.minutes is not None
        if by_day and by_hours:
            refuse("day/time 和 hours/minutes 只能选一种", "按天写 day 和 time，按时长写 hours")
        return self

    def offset(self) -> Offset:
        delay = timedelta(hours=self.hours or 0, minutes=self.minutes or 0)
        return Offset(delay, self.day or 0, self.time)


class LinkEntry(Entry):
    title: Template
    url: Address
    desc: Template | None = None
    image: Filled | None = None


class MiniProgramEntry(Entry):
    appid: Filled
    title: Template
    page: Filled
    image: Filled | None = None


class ContentEntry(Entry):
    text: Template | None = None
    images: Words = ()
    link: LinkEntry | None = None
    miniprogram: MiniProgramEntry | None = None
    script: Word | None = None
    script_tags: Words = ()
    todo: Filled | None = None
    note: Filled | None = None

    @model_validator(mode="after")
    def _something(self) -> ContentEntry:
        said = self.text or self.images or self.link or self.miniprogram
        chosen = self.script or self.script_tags
        if not said and not chosen:
            refuse("这一步没有要说的话", "写 text、images、link、miniprogram、script 之一")
        if said and chosen:
            refuse("写了内容，又引用了话术", "只留内容，或只留 script、script_tags")
        if self.script and self.script_tags:
            refuse(
                "script 和 script_tags 只能写一个", "按编号引用写 script，按标签挑选写 script_tags"
            )
        return self

    def content(self) -> Content:
        return Content(
            text=self.text,
            images=tuple(self.images),
            link=Link(**self.link.model_dump()) if self.link else None,
            miniprogram=MiniProgram(**self.miniprogram.model_dump()) if self.miniprogram else None,
            script=self.script,
            script_tags=tuple(self.script_tags),
            todo=self.todo,
            note=self.note,
        )
