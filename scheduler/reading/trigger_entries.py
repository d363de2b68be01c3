"""How the beginnings of a journey are written."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from ..journey import Trigger, TriggerKind
from .entries import Count, Day, Entry, Words, refuse

_LEAP_YEAR = 2000
_WORDED = {
    "added": TriggerKind.ADDED,
    "stage_entered": TriggerKind.STAGE_ENTERED,
    "tag_added": TriggerKind.TAG_ADDED,
    "event": TriggerKind.EVENT,
}


def _any_or_words(value: object) -> object:
    return () if value == "any" else value


Occasions = Annotated[Words | None, BeforeValidator(_any_or_words)]


class SilenceEntry(Entry):
    hours: Annotated[int, Field(ge=1, le=17_568, strict=True)]
    after: Occasions = ()


def _yearly(value: object) -> object:
    if value is None:
        return None
    try:
        day = date.fromisoformat(f"{_LEAP_YEAR}-{value}")
    except ValueError:
        refuse("每年的日期看不懂", '写成带引号的 "06-18"')
    return day.month, day.day


class DateEntry(Entry):
    on: Day = None
    monthly: Annotated[int, Field(ge=1, le=31, strict=True)] | None = None
    weekly: Annotated[int, Field(ge=1, le=7, strict=True)] | None = None
    yearly: Annotated[tuple[int, int] | None, BeforeValidator(_yearly)] = None

    @model_validator(mode="after")
    def _one(self) -> DateEntry:
        ways = (self.on, self.monthly, self.weekly, self.yearly)
        if sum(value is not None for value in ways) != 1:
            mend = "写 on（某天）、weekly（周几，1 到 7）、monthly（几号）、yearly（哪天）之一"
            refuse("日期只能写一种", mend)
        return self


class BirthdayEntry(Entry):
    days_before: Count = 0


class TriggerEntry(Entry):
    added: Occasions = None
    stage_entered: Occasions = None
    tag_added: Occasions = None
    event: Occasions = None
    silence: SilenceEntry | None = None
    date: DateEntry | None = None
    birthday: BirthdayEntry | None = None

    @model_validator(mode="after")
    def _one(self) -> TriggerEntry:
        if len(self.model_fields_set) != 1:
            refuse("一个触发条件只写一种", "每种触发条件单独一行，前面写「- 」")
        name = next(iter(self.model_fields_set))
        if getattr(self, name) is None:
            refuse(f"触发条件「{name}」没有写内容", "写上具体的值，不限时写 any")
        return self

    def trigger(self) -> Trigger:
        for name, kind in _WORDED.items():
            if (words := getattr(self, name)) is not None:
                return Trigger(kind, tuple(words))
        if self.silence is not None:
            values = tuple(self.silence.after or ())
            return Trigger(TriggerKind.SILENCE, values, hours=self.silence.hours)
        if self.date is not None:
            return Trigger(TriggerKind.DATE, **self.date.model_dump())
        days_before = self.birthday.days_before if self.birthday is not None else 0
        return Trigger(TriggerKind.BIRTHDAY, days_before=days_before)
