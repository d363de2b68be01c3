"""What a refused command looks like."""

from __future__ import annotations

from typing import Any


def refused(ran: Any, *words: str) -> None:
    """Exit code 1 and one clear line on standard error."""
    assert ran.code == 1
    assert ran.err.startswith("错误：")
    assert "Traceback" not in ran.err
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    for word in words:
        assert word in ran.err
