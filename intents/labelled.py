"""Labelled messages for evaluation: one `{"text", "intent"}` a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from intents.errors import EvaluationFileError
from intents.taxonomy import OUT_OF_SCOPE, Taxonomy, load_taxonomy


@dataclass(frozen=True, slots=True)
class Labelled:
    """A message with the intent that a reader gave it; out_of_scope must be refused."""

    text: str
    intent: str


def read_labelled(path: Path, taxonomy: Taxonomy | None = None) -> tuple[Labelled, ...]:
    """Read a JSONL file; raises EvaluationFileError that names the line and the mend."""
    try:
        content = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise EvaluationFileError("文件读不到", mend="请检查路径和权限", path=path) from error
    except UnicodeDecodeError as error:
        raise EvaluationFileError("不是 UTF-8 编码", mend="请另存为 UTF-8", path=path) from error
    rows = tuple(_rows(content, path, taxonomy or load_taxonomy()))
    if not rows:
        raise EvaluationFileError(
            "一条消息也没有", mend='请每行写一条 {"text": …, "intent": …}', path=path
        )
    return rows


def _rows(content: str, path: Path, taxonomy: Taxonomy) -> Iterator[Labelled]:
    for line, source in enumerate(content.split("\n"), start=1):
        if source.strip():
            yield _row(source, path, line, taxonomy)


def _row(source: str, path: Path, line: int, taxonomy: Taxonomy) -> Labelled:
    try:
        fields = json.loads(source)
    except ValueError as error:
        raise EvaluationFileError(
            "不是合法的 JSON", mend="请每行写一个完整的 JSON 对象", path=path, line=line
        ) from error
    text = fields.get("text") if isinstance(fields, dict) else None
    intent = fields.get("intent") if isinstance(fields, dict) else None
    if not isinstance(text, str) or not isinstance(intent, str):
        raise EvaluationFileError(
            "缺少 text 或 intent", mend="两项都要有，而且是文字", path=path, line=line
        )
    if intent != OUT_OF_SCOPE and intent not in taxonomy:
        raise EvaluationFileError(
            f"意图 {intent} 不在意图表里",
            mend=f"请改成意图表里的名字，或 {OUT_OF_SCOPE}",
            path=path,
            line=line,
        )
    return Labelled(text, intent)
