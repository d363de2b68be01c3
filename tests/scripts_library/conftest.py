from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scripts_library import Script, Situation, script_from_dict

MakeScript = Callable[..., Script]
MakeSituation = Callable[..., Situation]


@pytest.fixture
def make_script() -> MakeScript:
    def make(script_id: str, text: str | None = None, **fields: Any) -> Script:
        text = f"{script_id} 的回复" if text is None else text
        return script_from_dict(
            {"id": script_id, "title": "标题", "parts": [{"text": text}], **fields}
        )

    return make


@pytest.fixture
def make_situation() -> MakeSituation:
    def make(intent: str = "complain_price", confidence: float = 0.9, **known: Any) -> Situation:
        now = known.pop("now", datetime(2026, 11, 5, 4, 0, tzinfo=UTC))
        return Situation(now=now, intent=intent, confidence=confidence, **known)

    return make


@pytest.fixture
def write_catalogue(tmp_path: Path) -> Callable[..., Path]:
    def write(content: str, name: str = "price.yml") -> Path:
        folder = tmp_path / "catalogue"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
        return folder

    return write
