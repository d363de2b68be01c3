"""Advice on a library that loads: nothing here stops a script, a person should look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from .checks import templates_of
from .duplicates import near_duplicates
from .errors import TemplateError
from .model import Script
from .sensitive import Direction, SensitiveWords, Severity
from .variables import parse_template

LONG_TEXT = 300


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to look at; `severity` is block for words that must not be sent."""

    script_id: str
    severity: Severity
    fault: str
    mend: str

    def __str__(self) -> str:
        return f"{self.script_id}：{self.fault}。建议：{self.mend}。"


def lint_scripts(
    scripts: Iterable[Script],
    *,
    today: date,
    words: SensitiveWords | None = None,
    threshold: float = 0.9,
) -> tuple[Advice, ...]:
    """Sensitive words, near-duplicates, long texts and scripts whose time is over."""
    library: Sequence[Script] = tuple(scripts)
    single = (advice for script in library for advice in _script_advice(script, today, words))
    return (*single, *_duplicate_advice(library, threshold))


def _script_advice(script: Script, today: date, words: SensitiveWords | None) -> Iterator[Advice]:
    spoken = spoken_by_shop(script)
    for hit in words.find(spoken, Direction.OUTGOING) if words is not None else ():
        mend = "改成可以证实的说法" if hit.severity is Severity.BLOCK else "确认有依据，或换个说法"
        fault = f"含有敏感词「{hit.written}」（{hit.category}）"
        yield Advice(script.id, hit.severity, fault, mend)
    if len(script.text) > LONG_TEXT:
        fault = f"文字有 {len(script.text)} 个字，客户不容易看完"
        yield Advice(script.id, Severity.REVIEW, fault, f"缩短到 {LONG_TEXT} 个字以内")
    if script.valid.last is not None and script.valid.last < today:
        fault = f"有效期到 {script.valid.last} 为止，已经不会再用"
        yield Advice(script.id, Severity.REVIEW, fault, "更新日期，或从目录里删除")


def _duplicate_advice(scripts: Sequence[Script], threshold: float) -> Iterator[Advice]:
    for pair in near_duplicates(scripts, threshold=threshold):
        fault = f"与 {pair.first} 的内容有 {pair.similarity:.0%} 相似"
        yield Advice(pair.second, Severity.REVIEW, fault, "合并成一条，或写出不同的角度")


def spoken_by_shop(script: Script) -> str:
    """All words of a script that a customer may read, fallbacks included."""
    texts = (text for part in script.parts for _, text, _ in templates_of(part))
    return "\n".join(_with_fallbacks(text) for text in texts)


def _with_fallbacks(text: str) -> str:
    try:
        pieces = parse_template(text).pieces
    except TemplateError:
        return text
    return "".join(piece if isinstance(piece, str) else piece.fallback or "" for piece in pieces)
