"""What follows from a customer's words, beside the reply: opt-out, portrait, tag rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.opt_outs import OptOutSource, opt_out
from bot.customers.portrait_facts import remember_findings
from bot.customers.tag_checks import want_check
from bot.store.tables import Message, Suggestion

OPT_OUT = "opt_out"
SURE_OF_OPT_OUT = 0.85


async def take_to_heart(
    session: AsyncSession, suggestion: Suggestion, messages: Sequence[Message], *, now: datetime
) -> None:
    """Runs in the transaction that makes the suggestion, so each burst counts once.

    An opt-out silences the shop for good, so a guess is not enough: "别再发圆通了" is about a
    courier. What is less sure than `SURE_OF_OPT_OUT` is left to the guide.
    """
    who, understanding = suggestion.external_userid, suggestion.understanding
    if _opts_out(understanding):
        await opt_out(
            session,
            who,
            source=OptOutSource.MESSAGE,
            by=f"suggestion:{suggestion.id}",
            reason=suggestion.text,
            now=now,
        )
    await remember_findings(
        session,
        who,
        messages=[(one.id, one.text) for one in messages if one.msgtype == "text"],
        entities=understanding.get("entities") or (),
        now=now,
    )
    await want_check(session, [who], now=now)


def _opts_out(understanding: Mapping[str, Any]) -> bool:
    sure = understanding.get("confidence", 0.0) >= SURE_OF_OPT_OUT
    return understanding.get("intent") == OPT_OUT and sure
