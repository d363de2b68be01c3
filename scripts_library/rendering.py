"""A script and its variables become the parts that are really sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from .checks import templates_of
from .errors import UnsendableText
from .model import LinkPart, MiniProgramPart, Part, Script, TextPart
from .variables import render

_URL_SAFE = ":/?#[]@!$&'()*+,;=%~"


def render_script(script: Script, variables: Mapping[str, object]) -> tuple[Part, ...]:
    """The parts with every variable filled in.

    Raises `MissingVariable` where one has neither value nor fallback, and `UnsendableText`
    where the result is empty or breaks a limit of WeCom: nothing half-filled is ever sent.
    """
    return tuple(_render_part(part, variables, script.id) for part in script.parts)


def rendered_text(parts: tuple[Part, ...]) -> str:
    """What a guide reads of the parts: the texts, one below the other."""
    return "\n".join(part.text for part in parts if isinstance(part, TextPart))


def _render_part(part: Part, variables: Mapping[str, object], script_id: str) -> Part:
    def fill(text: str) -> str:
        return render(text, variables, script_id=script_id)

    rendered: Part
    match part:
        case TextPart(text):
            rendered = TextPart(fill(text).strip())
        case LinkPart(title, url, desc):
            filled_desc = None if desc is None else fill(desc)
            rendered = replace(part, title=fill(title), url=_url(fill(url)), desc=filled_desc)
        case MiniProgramPart(_, title, page):
            rendered = replace(part, title=fill(title), page=quote(fill(page), safe=_URL_SAFE))
        case _:
            rendered = part
    _refuse_unsendable(rendered, script_id)
    return rendered


def _url(text: str) -> str:
    return quote(text.strip(), safe=_URL_SAFE)


def _refuse_unsendable(part: Part, script_id: str) -> None:
    for path, text, limit in templates_of(part):
        if not text.strip():
            raise UnsendableText(f"「{path[-1]}」是空的", "给变量填值或加备用文字", script_id)
        if len(text.encode("utf-8", "replace")) > limit:
            raise UnsendableText(
                f"「{path[-1]}」超过 {limit} 字节", "缩短话术或变量的值", script_id
            )
    if isinstance(part, LinkPart) and not part.url.startswith(("https://", "http://")):
        raise UnsendableText("链接不是网址", "让变量的值以 https:// 开头", script_id)
