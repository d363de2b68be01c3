"""Lists that WeCom gives a page at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

Page = dict[str, Any]


async def pages(
    ask: Callable[..., Awaitable[Page]], *given: object, **named: object
) -> AsyncIterator[Page]:
    """Call `ask` with a `cursor` until no `next_cursor` follows.

    A cursor that WeCom has given before ends the list, which would have no end otherwise.
    """
    cursor, known = "", {""}
    while True:
        answer = await ask(*given, **named, cursor=cursor)
        yield answer
        cursor = str(answer.get("next_cursor") or "")
        if cursor in known:
            return
        known.add(cursor)
