"""A group code as an operator writes it, and which groups should be behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from bot.customers.written import Written
from bot.groups.profiles import Tags
from bot.wecom.group_chats import MOST_GROUPS_A_CODE, MOST_MEMBERS


def _distinct(values: list[str]) -> list[str]:
    cleaned = [value.strip() for value in values]
    if not all(cleaned):
        raise ValueError("有空白的群编号，请删掉")
    return list(dict.fromkeys(cleaned))


ChatIds = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=64)]], AfterValidator(_distinct)
]


class CodeFields(Written):
    """What can be changed later. `spares` come next, in this order, when the others are full."""

    name: str = Field(min_length=1, max_length=64)
    chat_ids: Annotated[ChatIds, Field(min_length=1, max_length=MOST_GROUPS_A_CODE)]
    spares: Annotated[ChatIds, Field(max_length=50)] = Field(default_factory=list)
    base_name: str = Field("", max_length=40)
    base_id: int = Field(1, ge=1, le=100_000)
    auto_create: bool = True
    best_size: int = Field(200, ge=2, le=MOST_MEMBERS)
    remark: str = Field("", max_length=30)
    segment: str = Field("", max_length=32)
    purpose: str = Field("", max_length=200)
    rules: str = Field("", max_length=2000)
    tags: Tags = Field(default_factory=list)


class CodeDraft(CodeFields):
    """A new code."""


class CodePatch(Written):
    """Only what is given changes."""

    name: str | None = Field(None, min_length=1, max_length=64)
    chat_ids: Annotated[ChatIds, Field(min_length=1, max_length=MOST_GROUPS_A_CODE)] | None = None
    spares: Annotated[ChatIds, Field(max_length=50)] | None = None
    base_name: str | None = Field(None, max_length=40)
    base_id: int | None = Field(None, ge=1, le=100_000)
    auto_create: bool | None = None
    best_size: int | None = Field(None, ge=2, le=MOST_MEMBERS)
    remark: str | None = Field(None, max_length=30)
    segment: str | None = Field(None, max_length=32)
    purpose: str | None = Field(None, max_length=200)
    rules: str | None = Field(None, max_length=2000)
    tags: Tags | None = None


@dataclass(frozen=True, slots=True)
class Lineup:
    """Which groups are behind a code, which come next, and which are done."""

    behind: tuple[str, ...]
    spares: tuple[str, ...]
    filled: tuple[str, ...]
    exhausted: bool


def line_up(behind: Sequence[str], spares: Sequence[str], room: Mapping[str, bool]) -> Lineup:
    """Take full groups away and let the next one in, so that there is always one with room.

    A group that `room` does not know is taken to have some. When nobody has room the last group
    stays: a code needs one, and WeCom opens the next by itself once that is really full.
    """
    open_ones = [chat for chat in behind if room.get(chat, True)]
    full = [chat for chat in behind if chat not in open_ones]
    waiting = [chat for chat in spares if chat not in behind]
    while waiting and not open_ones:
        following = waiting.pop(0)
        if room.get(following, True):
            open_ones.append(following)
        else:
            full.append(following)
    exhausted = not open_ones
    kept = open_ones or full[-1:]
    filled = [chat for chat in full if chat not in kept]
    return Lineup(tuple(kept), tuple(waiting), tuple(filled), exhausted)
