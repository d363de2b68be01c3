"""A channel as an operator writes it, checked before anything is asked of WeCom."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from bot.customers.greeting_content import GreetingContent
from bot.customers.written import Written
from bot.wecom.contact_ways import MOST_LINK_STAFF

CONTACT_WAY, LINK = "contact_way", "link"
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_MOST_GUIDES = 1000


def _distinct(values: list[str]) -> list[str]:
    cleaned = [value.strip() for value in values]
    if not all(cleaned):
        raise ValueError("有空白的一项，请删掉")
    return list(dict.fromkeys(cleaned))


def _clock(value: str) -> str:
    if value != "24:00" and not _CLOCK.fullmatch(value):
        raise ValueError("时间要写成 09:00 这样")
    return value


UserId = Annotated[str, Field(min_length=1, max_length=64)]
Guides = Annotated[list[UserId], Field(max_length=_MOST_GUIDES), AfterValidator(_distinct)]
Tags = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=30)]],
    Field(max_length=20),
    AfterValidator(_distinct),
]
ClockTime = Annotated[str, AfterValidator(_clock)]
Name = Annotated[
    str,
    BeforeValidator(lambda value: value.strip() if isinstance(value, str) else value),
    Field(min_length=1, max_length=64),
]


class Shift(BaseModel):
    """Who is behind the code from one hour to another; a night may end on the next day."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    days: list[Annotated[int, Field(ge=1, le=7)]] = [1, 2, 3, 4, 5, 6, 7]
    start: Annotated[ClockTime, Field(alias="from")] = "00:00"
    end: Annotated[ClockTime, Field(alias="to")] = "24:00"
    guides: Annotated[Guides, Field(min_length=1)]

    @field_validator("days")
    @classmethod
    def _sorted(cls, days: list[int]) -> list[int]:
        if not days:
            raise ValueError("至少选一天：1 是周一，7 是周日")
        return sorted(set(days))

    @model_validator(mode="after")
    def _lasts(self) -> Shift:
        if self.start == self.end:
            raise ValueError("班次的开始和结束不能相同；整天请写 00:00 到 24:00")
        return self


class ChannelFields(Written):
    """What can be changed later."""

    name: Name
    guides: Annotated[Guides, Field(min_length=1)]
    backups: Guides = Field(default_factory=list)
    shifts: list[Shift] = Field([], max_length=50)
    daily_cap: int | None = Field(None, ge=1, le=100_000)
    caps: dict[str, Annotated[int, Field(ge=0, le=100_000)]] = Field(default_factory=dict)
    tags: Tags = Field(default_factory=list)
    remark: str = Field("", max_length=30)
    skip_verify: bool = True
    greeting: GreetingContent = GreetingContent()
    journey: str | None = Field(None, min_length=1, max_length=64)

    @property
    def everybody(self) -> tuple[str, ...]:
        """All guides whom this channel may ever put behind its code."""
        on_shift: Iterable[str] = (guide for shift in self.shifts for guide in shift.guides)
        return tuple(dict.fromkeys([*self.guides, *on_shift, *self.backups]))


class ChannelDraft(ChannelFields):
    """A new channel: a code, or a link of the acquisition assistant."""

    kind: Literal["contact_way", "link"] = "contact_way"

    @model_validator(mode="after")
    def _link_has_no_shifts(self) -> ChannelDraft:
        if self.kind == LINK:
            if self.shifts or self.caps or self.daily_cap is not None:
                raise ValueError("获客链接不支持班次和每日上限，请用活码")
            if len(self.guides) > MOST_LINK_STAFF:
                raise ValueError(f"获客链接最多 {MOST_LINK_STAFF} 位导购")
        return self


class ChannelPatch(Written):
    """Only what is given changes; null takes back a cap or a journey, and nothing else."""

    name: Name | None = None
    guides: Annotated[Guides, Field(min_length=1)] | None = None
    backups: Guides | None = None
    shifts: list[Shift] | None = Field(None, max_length=50)
    daily_cap: int | None = Field(None, ge=1, le=100_000)
    caps: dict[str, Annotated[int, Field(ge=0, le=100_000)]] | None = None
    tags: Tags | None = None
    remark: str | None = Field(None, max_length=30)
    skip_verify: bool | None = None
    greeting: GreetingContent | None = None
    journey: str | None = Field(None, min_length=1, max_length=64)

    @field_validator(
        "name", "guides", "backups", "shifts", "caps", "tags", "remark", "skip_verify", "greeting"
    )
    @classmethod
    def _given(cls, value: object) -> object:
        if value is None:
            raise ValueError("不能是 null；不想改就不要写这一项")
        return value
