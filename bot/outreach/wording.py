"""What a step says to one customer: its content or script with every variable filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.settings import OutreachSettings
from scheduler import Content, Step
from scripts_library import (
    ImagePart,
    LinkPart,
    MiniProgramPart,
    Part,
    RenderingError,
    Script,
    TextPart,
    render_script,
)

Parts = list[dict[str, Any]]


class Unsayable(Exception):
    """The words cannot be sent as they are; the message says why, in Chinese."""


class NobodyThere(Unsayable):
    """Whom the words were for, or who would say them, is gone: nothing failed."""


@dataclass(frozen=True, slots=True)
class Wordsmith:
    """Fills in the shop's variables and the names of customer and guide.

    A missing variable without fallback stops the send: nothing half-filled goes out.
    """

    settings: OutreachSettings
    variables: Mapping[str, str]

    def parts(
        self,
        content: Content,
        *,
        scripts: Mapping[str, Script],
        customer: str = "",
        guide: str = "",
    ) -> Parts:
        """The parts to send, as the outbox wants them; raises `Unsayable`."""
        script = self._script(content, scripts)
        values = {
            **self.variables,
            "customer_name": customer or self.settings.customer_fallback,
            "guide_name": guide or self.settings.guide_fallback,
        }
        try:
            rendered = render_script(script, values)
        except RenderingError as error:
            raise Unsayable(str(error)) from None
        return [part.as_dict() for part in rendered]

    def _script(self, content: Content, scripts: Mapping[str, Script]) -> Script:
        if content.script is not None:
            if (found := scripts.get(content.script)) is None:
                raise Unsayable(f"话术库里没有 {content.script}")
            return found
        if content.script_tags:
            return self._by_tags(content.script_tags, scripts)
        return _as_script(content)

    @staticmethod
    def _by_tags(tags: Sequence[str], scripts: Mapping[str, Script]) -> Script:
        wanted = set(tags)
        for script_id in sorted(scripts):
            if wanted <= _all_tags(scripts[script_id]):
                return scripts[script_id]
        raise Unsayable(f"话术库里没有同时带「{'、'.join(tags)}」的话术")


def _all_tags(script: Script) -> set[str]:
    found: set[str] = set()
    for value in script.as_dict().get("tags", {}).values():
        found |= set(map(str, value)) if isinstance(value, list) else {str(value)}
    return found


def _as_script(content: Content) -> Script:
    parts: list[Part] = []
    if content.text:
        parts.append(TextPart(content.text))
    parts += [ImagePart(image) for image in content.images]
    if (link := content.link) is not None:
        parts.append(LinkPart(link.title, link.url, link.desc, link.image))
    if (program := content.miniprogram) is not None:
        parts.append(MiniProgramPart(program.appid, program.title, program.page, program.image))
    return Script("outreach", "旅程内容", tuple(parts))


def card_text(
    name: str, step: Step, content: Content, parts: Sequence[Mapping[str, object]]
) -> str:
    """What a guide's card says: for whom, what to do, and words to copy."""
    texts = [str(part["text"]) for part in parts if "text" in part]
    todo = f"\n要做的事：{content.todo}" if content.todo else ""
    said = "\n".join(texts)
    words = f"\n可以直接复制：\n\n{said}" if said else ""
    return f"【跟进】{name}：{step.purpose}{todo}{words}"
