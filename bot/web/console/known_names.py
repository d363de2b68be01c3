"""Names that operators may pick from where a journey wants one: stages, tags, channels, events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import select

from bot.store.channel_tables import Channel, ChannelStatus
from bot.store.contact_tables import CorpTag
from bot.web.console.desk import Desk
from bot.web.console.plain_fields import Fields, split_words, words_in

_MOST = 300
_DID = "story.did."


@dataclass(frozen=True, slots=True)
class KnownNames:
    """Stages and events by name with what people call them; tags and channels as they are."""

    stages: dict[str, str]
    events: dict[str, str]
    tags: list[str]
    channels: list[str]

    def labelled(self, fields: Mapping[str, str], names: Collection[str]) -> Fields:
        """Fields of a form with events by what people call them."""
        labels = {name: label for label, name in self._by_label.items()}
        return _translated(fields, names, labels)

    def named(self, fields: Mapping[str, str], names: Collection[str]) -> Fields:
        """Fields that came back, with events by their names again."""
        return _translated(fields, names, self._by_label)

    @property
    def _by_label(self) -> dict[str, str]:
        """Names by label; a label that several share, or that reads as two, stands for none."""
        shared = {one for one, n in Counter(self.events.values()).items() if n > 1}
        return {
            label: name
            for name, label in self.events.items()
            if label not in shared and split_words(label) == [label]
        }

    @property
    def event_picks(self) -> list[tuple[str, str]]:
        """What a click puts into a field, and what it is called."""
        return [(self.labelled({"": name}, [""])[""], one) for name, one in self.events.items()]


def _translated(
    fields: Mapping[str, str], names: Collection[str], words: Mapping[str, str]
) -> Fields:
    changed = {
        name: words_in([words.get(one, one) for one in split_words(fields[name])])
        for name in names
        if fields.get(name)
    }
    return {**fields, **changed}


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
