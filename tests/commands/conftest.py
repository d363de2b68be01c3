from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from apishop import small_model as small_model
from corp import clock as clock
from corp import platform as platform

from bot.cli import main


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    small_model: dict[str, Any],
) -> Run:
    """Runs `wecom-bot` as its entry point does, in a folder of its own with a small model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOT_DATABASE__URL", f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}")
    monkeypatch.setenv("BOT_NLU__MODEL_DIR", str(small_model["model_dir"]))
    monkeypatch.setenv("BOT_NLU__DATA", ",".join(map(str, small_model["data"])))
    monkeypatch.setenv("BOT_CONFIG", "")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["wecom-bot", *arguments])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return command
