"""The shop's own greetings: what operators edited wins over the settings; segments before both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.customers.greeting_content import (
    CUSTOMER,
    GUIDE,
    SHOP,
    GreetingContent,
    check_attachment,
    check_text,
    check_variables,
)
from bot.customers.segments import Rule, greet_segment, greeting_segments
from bot.customers.written import Written
from bot.errors import Unprocessable
from bot.settings import GreetingSettings
from bot.store.channel_tables import ShopGreeting
from bot.store.database import Database
from bot.store.segment_tables import CustomerSegment

_FRESH = timedelta(seconds=2)


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("欢迎语不能是空的；要恢复配置文件里的话，请给 null")
    return check_text(text.strip())


Line = Annotated[str, Field(max_length=200), AfterValidator(str.strip)]
Own = Annotated[str, Field(max_length=1300), AfterValidator(lambda text: check_text(text.strip()))]


class GreetingEdit(Written):
    """What an operator changes: only what is given; None goes back to the settings.

    `returning_text` and `shared_text` are said in the place of `text` to those who come back and
    to a colleague's friends; without them the lead is put before `text`.
    """

    text: Annotated[str, Field(max_length=1300), AfterValidator(_said)] | None = None
    returning_text: Own | None = None
    shared_text: Own | None = None
    returning_lead: Line | None = None
    shared_lead: Line | None = None
    attachments: Annotated[list[dict[str, Any]], Field(max_length=9)] | None = None


@dataclass(frozen=True, slots=True)
class SegmentWords:
    """The words for friends whom a saved segment describes."""

    name: str
    rule: Rule
    content: GreetingContent


@dataclass(frozen=True, slots=True)
class ShopWords:
    """What is said where a channel says nothing; `edited` names what operators changed."""

    text: str
    returning_lead: str
    shared_lead: str
    attachments: Sequence[dict[str, Any]]
    returning_text: str = ""
    shared_text: str = ""
    segments: tuple[SegmentWords, ...] = ()
    edited: frozenset[str] = frozenset()
    edited_by: str = ""
    edited_at: datetime | None = None

    @classmethod
    def of(cls, settings: GreetingSettings, **more: Any) -> ShopWords:
        """Those of the settings, before anything was edited."""
        own = {
            "text": settings.default_text,
            "returning_lead": settings.returning_lead,
            "shared_lead": settings.shared_lead,
            "attachments": settings.attachments,
        }
        return cls(**(own | more))

    @property
    def content(self) -> GreetingContent:
        """The default greeting, for everybody whom neither a channel nor a segment greets."""
        return GreetingContent(
            text=self.text,
            returning_text=self.returning_text,
            shared_text=self.shared_text,
            attachments=list(self.attachments),
        )


@dataclass(slots=True)
class ShopGreetings:
    """Reads the words at most every two seconds, so that a crowd of friends costs one reading."""

    database: Database
    clock: Clock
    settings: GreetingSettings
    variables: Collection[str] = ()
    on_change: Callable[[], None] = lambda: None
    _words: ShopWords | None = None
    _read_at: datetime | None = None
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def words(self) -> ShopWords:
        """What counts now."""
        async with self._reading:
            now = self.clock.now()
            if self._words is None or self._read_at is None or now - self._read_at >= _FRESH:
                async with self.database.read() as session:
                    self._words = await self._read(session)
                self._read_at = now
            return self._words

    async def _read(self, session: AsyncSession) -> ShopWords:
        row = await _newest(session)
        segments = tuple(map(_segment_words, await greeting_segments(session)))
        if row is None:
            return ShopWords.of(self.settings, segments=segments)
        return ShopWords.of(
            self.settings,
            **row.words,
            segments=segments,
            edited=frozenset(row.words),
            edited_by=row.made_by,
            edited_at=row.made_at,
        )

    async def edit(self, edit: GreetingEdit, *, by: str) -> ShopWords:
        """Change the shop's greeting; raises `Unprocessable` for words that nobody can fill in."""
        given = edit.model_dump(exclude_unset=True)
        self._check(given)
        async with self.database.write() as session:
            await self.database.alone(session, "shop greeting")
            row = await _newest(session)
            words = (dict(row.words) if row else {}) | given
            words = {name: value for name, value in words.items() if value is not None}
            now = self.clock.now()
            session.add(ShopGreeting(words=words, made_by=by[:64], made_at=now))
        return await self._changed()

    def _check(self, given: dict[str, Any]) -> None:
        try:
            for text in filter(lambda one: isinstance(one, str), given.values()):
                check_variables(text, self._known)
            if given.get("attachments"):
                given["attachments"] = [check_attachment(one) for one in given["attachments"]]
        except ValueError as error:
            raise Unprocessable(str(error)) from None

    @property
    def _known(self) -> set[str]:
        return {*self.variables, CUSTOMER, GUIDE, SHOP}

    async def edit_segment(
        self,
        segment_id: int,
        greeting: GreetingContent | None,
        *,
        place: int | None = None,
        by: str,
    ) -> CustomerSegment:
        """Give a saved segment words of its own, or none; raises `NotFound`, `Unprocessable`."""
        if greeting is not None:
            try:
                greeting.check_variables(self._known)
            except ValueError as error:
                raise Unprocessable(str(error)) from None
        async with self.database.write() as session:
            row = await greet_segment(
                session, segment_id, greeting, place=place, by=by, now=self.clock.now()
            )
        await self._changed()
        return row

    async def _changed(self) -> ShopWords:
        self._words = None
        self.on_change()
        return await self.words()


async def _newest(session: AsyncSession) -> ShopGreeting | None:
    found: ShopGreeting | None = await session.scalar(
        select(ShopGreeting).order_by(ShopGreeting.id.desc()).limit(1)
    )
    return found


def _segment_words(row: CustomerSegment) -> SegmentWords:
    return SegmentWords(
        row.name,
        Rule.model_validate(row.rule),
        GreetingContent.model_validate(row.greeting or {}),
    )
