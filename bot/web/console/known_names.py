"""Names that operators may pick from where a journey wants one: stages, tags, channels, events."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from bot.store.channel_tables import Channel, ChannelStatus
from bot.store.contact_tables import CorpTag
from bot.web.console.desk import Desk

_MOST = 300
_DID = "story.did."


@dataclass(frozen=True, slots=True)
class KnownNames:
    """Stages and events by name with what people call them; tags and channels as they are."""

    stages: dict[str, str]
    events: dict[str, str]
    tags: list[str]
    channels: list[str]


async def known_names(here: Desk) -> KnownNames:
    """What the shop has now."""
    async with here.database.read() as session:
        tags = await session.scalars(
            select(CorpTag.name)
            .where(CorpTag.deleted_at.is_(None))
            .order_by(CorpTag.name)
            .limit(_MOST)
        )
        channels = await session.scalars(
            select(Channel.name)
            .where(Channel.status != ChannelStatus.DELETED)
            .order_by(Channel.id)
            .limit(_MOST)
        )
        found = list(dict.fromkeys(map(str, tags))), list(map(str, channels))
    texts = here.words.texts
    events = {key.removeprefix(_DID): text for key, text in texts.items() if key.startswith(_DID)}
    events |= {name: here.intent(name) for name in here.taxonomy.names}
    return KnownNames({name: here.stage(name) for name in here.funnel.names}, events, *found)
