from __future__ import annotations

import pytest

from bot.wecom.paging import Page, pages


@pytest.mark.parametrize(
    ("cursors", "asked"),
    [
        ([""], ["of"]),
        (["a", "b", ""], ["of", "of a", "of b"]),
        (["a", "a", "a"], ["of", "of a"]),
        (["a", "b", "a"], ["of", "of a", "of b"]),
    ],
)
async def test_pages_are_asked_for_until_no_new_cursor_follows(
    cursors: list[str], asked: list[str]
) -> None:
    calls: list[str] = []

    async def ask(what: str, *, cursor: str) -> Page:
        calls.append(f"{what} {cursor}".strip())
        return {"next_cursor": cursors[len(calls) - 1]}

    found = [page async for page in pages(ask, "of")]
    assert (calls, len(found)) == (asked, len(asked))
