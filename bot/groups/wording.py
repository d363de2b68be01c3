"""Texts of greetings in groups: variables of ours in braces, `%NICKNAME%` for WeCom to fill."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from bot.errors import GiveUp
from bot.wecom.group_chats import MOST_TEXT_BYTES, NICKNAME

KF_LINK = "kf_link"
_PLACE = re.compile(r"\{([^{}]*)\}")
_PERCENT = re.compile(r"%[A-Za-z_]+%")
_ROOM = 300  # bytes kept for links and names that are longer than their places


def known_names(text: str) -> set[str]:
    """The variables that a text uses."""
    return set(_PLACE.findall(text))


def fill_known(text: str, values: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), text)


def check_text(text: str) -> str:
    """Refuse what WeCom would refuse, and a placeholder that it would not fill."""
    text = text.strip()
    if not text:
        raise ValueError("入群欢迎语不能为空")
    if len(text.encode()) > MOST_TEXT_BYTES - _ROOM:
        raise ValueError("入群欢迎语太长：最多约 900 个汉字")
    for place in _PERCENT.findall(text):
        if place != NICKNAME:
            raise ValueError(f"占位符 {place} 企业微信不认识，昵称请写 {NICKNAME}")
    return text


def check_variables(text: str, known: Collection[str]) -> None:
    """Raise `ValueError` naming a variable that nobody can fill in."""
    for name in known_names(text):
        if name not in known:
            raise ValueError(
                f"入群欢迎语里的变量 {{{name}}} 不认识；可用 {{shop_name}}、{{{KF_LINK}}} "
                f"和店铺信息里的各项，昵称请写 {NICKNAME}"
            )


def render(text: str, values: Mapping[str, str]) -> str:
    """Fill in the variables; a missing or empty one stops the sending with `GiveUp`."""
    for name in known_names(text):
        if not values.get(name):
            raise GiveUp(f"入群欢迎语里的 {{{name}}} 没有内容；请在店铺信息里补上")
    filled = fill_known(text, values)
    if len(filled.encode()) > MOST_TEXT_BYTES:
        raise GiveUp("入群欢迎语填好变量后超过 3000 字节，请写短一些")
    return filled
