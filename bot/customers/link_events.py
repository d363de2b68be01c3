"""What WeCom tells of the acquisition assistant (获客助手): dead links, a quota that ran out."""

from __future__ import annotations

import functools

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.customers.channel_draft import LINK
from bot.delivery.routing import Effect, EventRouter
from bot.store.channel_tables import Channel, ChannelStatus
from bot.wecom.events import InboundEvent

EVENT = "customer_acquisition"
_DEAD = {
    "link_unavailable": "这条获客链接已失效，客户点开加不了好友；请另建一条渠道",
    "delete_link": "这条获客链接已在企业微信里被删除；请另建一条渠道",
}
_SPENT = "获客助手的额度用完了，链接暂时加不了好友；请在企业微信后台购买额度"
_WARNINGS = frozenset({"balance_low", "quota_expire_soon"})


async def handle(event: InboundEvent) -> Effect:
    """The effect of one callback."""
    return functools.partial(apply, event)


def add_to(router: EventRouter) -> None:
    router.on(EVENT, handle)


async def apply(event: InboundEvent, session: AsyncSession) -> None:
    """Say on the channels what is wrong with them; a refilled quota takes its complaint back."""
    change, links = event.change_type, update(Channel).where(Channel.kind == LINK)
    live = links.where(Channel.status == ChannelStatus.ACTIVE)
    link_id = str(event.fields.get("LinkId") or "")[:128]
    if change in _DEAD and link_id:
        dead = links.where(Channel.config_id == link_id)
        await session.execute(dead.values(error=_DEAD[change]))
    elif change == "balance_exhausted":
        await session.execute(live.where(Channel.error.is_(None)).values(error=_SPENT))
    elif change == "balance_increased":
        await session.execute(links.where(Channel.error == _SPENT).values(error=None))
    elif change in _WARNINGS:
        loggers.customers.warning("the acquisition assistant's quota runs out", change=change)
