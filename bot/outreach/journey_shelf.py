"""Journeys as operators keep them: the files as the base, edits and switches on top."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.errors import Conflict, NotFound, SettingsError, Unprocessable
from bot.outreach.journey_edits import drop_removed, follow_edit, take_up
from bot.outreach.journey_texts import last_number, texts_of, version_row
from bot.outreach.planning import TURN
from bot.outreach.plans import PERSONAL, SHIPPED_JOURNEYS, Plans, plans_of
from bot.settings import Settings
from bot.store.database import Database
from bot.store.outreach_tables import JourneyChoice, JourneyVersion
from bot.store.tables import ScriptVersion
from scheduler import (
    Journey,
    JourneyError,
    Overrides,
    Problem,
    SchedulerError,
    WorkCalendar,
    load_journeys,
    load_overrides,
    parse_journeys,
)
from scheduler.cohorts import share_tags
from scheduler.reading.excerpts import folder_excerpts
from scheduler.reading.loading import shared_tags_fault

MOST_BYTES = 200_000
_FILE = "旅程"


@dataclass(frozen=True, slots=True)
class Base:
    """The journeys of the files and, by id, each one's file and own text."""

    journeys: Mapping[str, Journey] = field(default_factory=dict)
    texts: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shelved:
    """One journey as it stands: switched on or off, from its file or as version `number`.

    `journey` is None while a saved text no longer reads; such a journey does not run.
    """

    id: str
    journey: Journey | None
    enabled: bool
    number: int | None
    file: str | None
    changed_by: str = ""
    changed_at: datetime | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def runs(self) -> bool:
        return self.enabled and self.journey is not None


class JourneyRefused(Unprocessable):
    """旅程有误，没有保存。"""

    def __init__(self, problems: Collection[Problem]) -> None:
        self.problems = tuple(problems)
        listed = [
            {"file": one.file, "line": one.line, "fault": one.fault, "mend": one.mend}
            for one in self.problems
        ]
        first = str(self.problems[0])
        super().__init__(f"旅程有 {len(listed)} 处需要修改：{first}", problems=listed)


class JourneyShelf:
    """Reads, checks and keeps journeys; every saved text stays as a version."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        settings: Settings,
        *,
        variables: Collection[str],
        stages: Collection[str],
        on_change: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self.place = settings.outreach.journeys or SHIPPED_JOURNEYS
        self._settings = settings
        self._variables = (*variables, *PERSONAL)
        self._stages = stages
        self.on_change = on_change
        self._checked: dict[tuple[str, int], Journey | tuple[Problem, ...]] = {}

    @cached_property
    def base(self) -> Base:
        """What the files hold; raises `SettingsError` when they cannot be used."""
        try:
            book = load_journeys(self.place, stages=self._stages, variables=self._variables)
            texts = folder_excerpts(self.place)
        except (SchedulerError, OSError) as error:
            raise SettingsError(f"旅程文件有误：\n{error}") from None
        return Base({one.id: one for one in book}, texts)

    @cached_property
    def overrides(self) -> Overrides:
        """The shop's own days."""
        own = self._settings.outreach.calendar
        return load_overrides(own) if own else Overrides()

    @cached_property
    def calendar(self) -> WorkCalendar:
        return plans_of(self._settings, (), overrides=self.overrides).calendar

    @property
    def root(self) -> Path:
        """Where images of journeys lie."""
        return self.place if self.place.is_dir() else self.place.parent

    async def checked(self, text: str, *, journey: str | None = None) -> Journey:
        """The one journey of `text`, every script of which is in the library; see `check`."""
        async with self._database.read() as session:
            active = select(ScriptVersion.script_id).where(ScriptVersion.active)
            scripts = set(await session.scalars(active))
        return await asyncio.to_thread(self.check, text, journey=journey, scripts=scripts or None)

    def check(
        self,
        text: str,
        *,
        journey: str | None = None,
        scripts: Collection[str] | None = None,
    ) -> Journey:
        """The one journey of `text`; raises `JourneyRefused` with line and mend of each fault.

        Give the id of the `journey` being edited: its id may not change. `scripts` are the ids
        of the library (None: any; what was saved long ago still runs when a script is gone).
        """
        if len(text.encode()) > MOST_BYTES:
            size = MOST_BYTES // 1000
            raise JourneyRefused(
                [Problem(_FILE, None, journey, f"超过 {size} KB", "拆成几个旅程")]
            )
        try:
            book = parse_journeys(
                text,
                file=f"{journey or _FILE}.yml",
                root=self.root,
                more_roots=[self._settings.console.uploads],
                stages=self._stages,
                scripts=scripts,
                variables=self._variables,
            )
        except JourneyError as error:
            raise JourneyRefused(error.problems) from None
        if len(book) != 1:
            fault = f"这里有 {len(book)} 个旅程"
            raise JourneyRefused([Problem(_FILE, None, None, fault, "一次保存一个旅程")])
        found = book.journeys[0]
        if journey is not None and found.id != journey:
            line = _line_of_id(text)
            fault, mend = f"编号从 {journey} 变成了 {found.id}", "改回原来的编号，或另存为新旅程"
            raise JourneyRefused([Problem(f"{journey}.yml", line, found.id, fault, mend)])
        return found

    async def all(self) -> list[Shelved]:
        """Every journey, those of the files first."""
        base = await asyncio.to_thread(lambda: self.base)
        async with self._database.read() as session:
            return await self._shelved(session, base)

    async def get(self, journey: str) -> Shelved:
        """Raises `NotFound`."""
        return _named(journey, await self.all())

    async def text(self, journey: str, number: int | None = None) -> str:
        """The YAML of a journey as it stands, or of version `number` (0: as in the files)."""
        if number is None:
            number = (await self.get(journey)).number or 0
        if number == 0:
            if journey not in self.base.texts:
                raise NotFound(f"旅程 {journey} 没有随附的文件")
            return self.base.texts[journey][1]
        async with self._database.read() as session:
            row = await session.scalar(version_row(journey, number))
        if row is None:
            raise NotFound(f"旅程 {journey} 没有第 {number} 版")
        return row.text

    async def versions(self, journey: str) -> list[JourneyVersion]:
        """The newest first."""
        async with self._database.read() as session:
            rows = await session.scalars(
                select(JourneyVersion)
                .where(JourneyVersion.journey == journey)
                .order_by(JourneyVersion.number.desc())
            )
            return list(rows)

    async def save(
        self,
        text: str,
        *,
        by: str,
        journey: str | None = None,
        seen: int | None = None,
        note: str = "",
    ) -> Shelved:
        """Keep `text` as the newest version and go by it; a new journey starts switched off.

        `journey` is the one being edited, None for a new one; `seen` the version (0: file) that
        the editor started from. Raises `JourneyRefused`, and `Conflict` when somebody else was
        faster or a new journey's id is taken.
        """
        checked = await self.checked(text, journey=journey)
        base = await asyncio.to_thread(lambda: self.base)
        now = self._clock.now()
        async with self._database.write() as session:
            await self._database.alone(session, TURN)
            others = await self._shelved(session, base)
            _check_apart(checked, others)
            old = next((one.journey for one in others if one.id == checked.id), None)
            choice = await session.get(JourneyChoice, checked.id)
            known = choice is not None or checked.id in self.base.journeys
            if journey is None and known:
                raise Conflict(f"编号 {checked.id} 已经用过，请换一个编号")
            if journey is not None and not known:
                raise NotFound(f"没有编号为 {journey} 的旅程")
            current = (choice.version if choice else None) or 0
            if seen is not None and seen != current:
                raise Conflict("别人刚保存了新的一版，请先看看再改", number=current)
            number = 1 + (await session.scalar(last_number(checked.id)) or 0)
            session.add(
                JourneyVersion(
                    journey=checked.id,
                    number=number,
                    text=text,
                    note=note[:200],
                    saved_by=by,
                    saved_at=now,
                )
            )
            enabled = choice.enabled if choice else journey is not None
            await self._choose(session, checked.id, enabled=enabled, version=number, by=by)
            await follow_edit(session, old, checked, calendar=self.calendar, now=now)
        return await self._changed(checked.id)

    async def switch(self, journey: str, *, enabled: bool, by: str) -> Shelved:
        """Switched off, nothing begins, is planned or sent; on again, `catch_up` decides."""
        base = await asyncio.to_thread(lambda: self.base)
        async with self._database.write() as session:
            await self._database.alone(session, TURN)
            now = _named(journey, await self._shelved(session, base))
            await self._choose(session, journey, enabled=enabled, version=now.number, by=by)
        return await self._changed(journey)

    async def restore(self, journey: str, number: int, *, by: str) -> Shelved:
        """Go by version `number` again (0: by the file); raises `JourneyRefused` if it no
        longer fits."""
        text = await self.text(journey, number)
        again = await asyncio.to_thread(self.check, text, journey=journey)
        base = await asyncio.to_thread(lambda: self.base)
        async with self._database.write() as session:
            await self._database.alone(session, TURN)
            now = _named(journey, await self._shelved(session, base))
            version = number or None
            await self._choose(session, journey, enabled=now.enabled, version=version, by=by)
            await follow_edit(
                session, now.journey, again, calendar=self.calendar, now=self._clock.now()
            )
        return await self._changed(journey)

    async def bring(self, plans: Plans) -> bool:
        """Let `plans` go by what is kept here now; whether that changed anything.

        Under the turn of planning, so that nobody's journeys change in the midst of a page.
        """
        base = await asyncio.to_thread(lambda: self.base)
        async with self._database.read() as session:
            if _running(await self._shelved(session, base)) == (plans.journeys, plans.paused):
                return False
        async with self._database.write() as session:
            await self._database.alone(session, TURN)
            journeys, paused = _running(await self._shelved(session, base))
            for name, journey in journeys.items():
                if (old := plans.journeys.get(name)) not in (None, journey):
                    now = self._clock.now()
                    await take_up(session, old, journey, calendar=self.calendar, now=now)
            plans.adopt(journeys, paused)
        loggers.outreach.info("journeys changed", journeys=len(journeys), paused=len(paused))
        return True

    async def tidy(self) -> None:
        """End what was planned for steps that the files do not have any more."""
        base = await asyncio.to_thread(lambda: self.base)
        async with self._database.write() as session:
            await self._database.alone(session, TURN)
            shelved = {one.id: one.journey for one in await self._shelved(session, base)}
            await drop_removed(session, shelved, now=self._clock.now())

    async def _changed(self, journey: str) -> Shelved:
        if self.on_change is not None:
            await self.on_change()
        return await self.get(journey)

    async def _choose(
        self, session: AsyncSession, journey: str, *, enabled: bool, version: int | None, by: str
    ) -> None:
        choice = await session.get(JourneyChoice, journey)
        if choice is None:
            choice = JourneyChoice(journey=journey)
            session.add(choice)
        choice.enabled, choice.version = enabled, version
        choice.changed_by, choice.changed_at = by, self._clock.now()

    async def _shelved(self, session: AsyncSession, base: Base) -> list[Shelved]:
        choices = {
            row.journey: row
            for row in await session.scalars(select(JourneyChoice).order_by(JourneyChoice.journey))
        }
        texts = await texts_of(session, choices.values())
        found = []
        for name in [*base.journeys, *(one for one in choices if one not in base.journeys)]:
            file = base.texts[name][0] if name in base.texts else None
            one = Shelved(name, base.journeys.get(name), True, None, file)
            if (choice := choices.get(name)) is not None:
                one = replace(
                    one,
                    enabled=choice.enabled,
                    number=choice.version,
                    changed_by=choice.changed_by,
                    changed_at=choice.changed_at,
                )
                if choice.version is not None:
                    one = self._read(one, texts.get((name, choice.version), ""))
            found.append(one)
        return found

    def _read(self, one: Shelved, text: str) -> Shelved:
        """With the journey of a saved text, read once; it may not fit the shop any more."""
        key = (one.id, one.number or 0)
        if key not in self._checked:
            try:
                self._checked[key] = self.check(text, journey=one.id)
            except JourneyRefused as error:
                loggers.outreach.warning("a saved journey no longer reads", journey=one.id)
                self._checked[key] = error.problems
        known = self._checked[key]
        if isinstance(known, Journey):
            return replace(one, journey=known)
        return replace(one, journey=None, problems=known)


def _named(journey: str, shelved: Sequence[Shelved]) -> Shelved:
    found = next((one for one in shelved if one.id == journey), None)
    if found is None:
        raise NotFound(f"没有编号为 {journey} 的旅程")
    return found


def _running(shelved: Sequence[Shelved]) -> tuple[dict[str, Journey], frozenset[str]]:
    """The journeys that can be read, and which of all are switched off."""
    journeys = {one.id: one.journey for one in shelved if one.journey is not None}
    return journeys, frozenset(one.id for one in shelved if not one.enabled)


def _check_apart(checked: Journey, shelved: Sequence[Shelved]) -> None:
    """Refuse a journey whose posts would go to the people of another."""
    for one in shelved:
        if one.journey is not None and share_tags(checked, one.journey):
            found = shared_tags_fault(one.journey)
            file = f"{checked.id}.yml"
            raise JourneyRefused(
                [Problem(file, None, checked.id, found.fault, found.mend, found.path)]
            )


def _line_of_id(text: str) -> int | None:
    lines = enumerate(text.splitlines(), start=1)
    return next((at for at, line in lines if line.lstrip(" -").startswith("id:")), None)
