"""What a greeting says: texts with variables and up to nine attachments, checked when written."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, field_validator, model_validator

from bot.customers.written import Written
from bot.errors import GiveUp
from bot.wecom.contact_ways import MOST_ATTACHMENTS, MOST_TEXT_BYTES

CUSTOMER, GUIDE, SHOP = "customer_name", "guide_name", "shop_name"
_PLACE = re.compile(r"\{([^{}]*)\}")
_FILES = ("image", "video", "file")
_FIELDS = {"link": ("title", "url"), "miniprogram": ("appid", "title", "page")}
_RAW = frozenset({"image", "video", "file", "link", "miniprogram"})

Text = Annotated[str, Field(max_length=1300)]


class GreetingContent(Written):
    """A channel's own words; without `returning_text` or `shared_text` a lead is put before."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Text = ""
    returning_text: Text = ""
    shared_text: Text = ""
    attachments: list[dict[str, Any]] = Field([], max_length=MOST_ATTACHMENTS)

    @field_validator("text", "returning_text", "shared_text")
    @classmethod
    def _fits(cls, text: str) -> str:
        return check_text(text.strip())

    @field_validator("attachments")
    @classmethod
    def _known(cls, attachments: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [check_attachment(one) for one in attachments]

    @model_validator(mode="after")
    def _whole(self) -> GreetingContent:
        if (self.returning_text or self.shared_text) and not self.text:
            raise ValueError("写了 returning_text 或 shared_text，就也要写 text")
        return self

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.text, self.returning_text, self.shared_text)))

    def check_variables(self, known: Collection[str]) -> None:
        """Raise `ValueError` naming a variable that nobody can fill in."""
        for text in self.texts:
            check_variables(text, known)


def check_text(text: str) -> str:
    """WeCom: at most 4000 bytes; room is left for names that are longer than their places."""
    if len(text.encode()) > MOST_TEXT_BYTES - 300:
        raise ValueError("欢迎语太长：最多约 1200 个汉字")
    return text


def check_attachment(attachment: Mapping[str, Any]) -> dict[str, Any]:
    """One attachment, either short (`{"image": "a.png"}`) or in WeCom's own form."""
    if "msgtype" in attachment:
        kind = attachment["msgtype"]
        if kind not in _RAW or not isinstance(attachment.get(kind), Mapping):
            raise ValueError(f"附件 {kind} 写得不对：msgtype 下要有同名的内容")
        return {"msgtype": kind, kind: dict(attachment[kind])}
    if len(attachment) != 1:
        raise ValueError("每个附件只写一种内容，例如 {image: assets/a.png}")
    kind, body = next(iter(attachment.items()))
    if kind in _FILES and isinstance(body, str) and body:
        return {kind: body}
    if kind in _FIELDS and isinstance(body, Mapping) and all(map(body.get, _FIELDS[kind])):
        return {kind: dict(body)}
    needs = "、".join(_FIELDS.get(kind, ("文件路径",)))
    raise ValueError(
        f"附件 {kind} 写得不对：只能是 image、video、file、link、miniprogram，需要{needs}"
    )


def check_variables(text: str, known: Collection[str]) -> None:
    """Raise `ValueError` naming a variable of `text` that is not known."""
    for name in _PLACE.findall(text):
        if name not in known:
            raise ValueError(
                f"欢迎语里的变量 {{{name}}} 不认识；可用 {{{CUSTOMER}}}、{{{GUIDE}}}、{{{SHOP}}}，"
                "以及店铺信息里的各项"
            )


def uses(text: str, variable: str) -> bool:
    return f"{{{variable}}}" in text


def render(text: str, values: Mapping[str, str]) -> str:
    """Fill in the variables; a missing or empty one stops the send with `GiveUp`."""

    def fill(place: re.Match[str]) -> str:
        if value := values.get(place[1]):
            return value
        raise GiveUp(f"欢迎语里的 {{{place[1]}}} 没有内容，所以没有发送；请在店铺信息里补上")

    return _PLACE.sub(fill, text)
