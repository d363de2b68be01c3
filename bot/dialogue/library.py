"""The script library in the database: versions in, the active ones out, and how they fared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.store.database import Database
from bot.store.tables import ScriptUse, ScriptVersion
from scripts_library import Script, ScriptIndex, ScriptStats, script_from_dict

_STATS_AGE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Script ids by what an import did to them."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, list[str] | int]:
        return {
            "added": self.added,
            "changed": self.changed,
            "retired": self.retired,
            "unchanged": len(self.unchanged),
        }


class Library:
    """Scripts as the shop uses them now, shared by all replicas."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._index = ScriptIndex([])
        self._seen: tuple[object, ...] | None = None
        self._stats: dict[str, ScriptStats] = {}
        self._stats_at: datetime | None = None

    async def import_scripts(
        self, scripts: Iterable[Script], *, retire_missing: bool = False
    ) -> ImportReport:
        """Store new and changed scripts as new versions, all of them or none.

        Scripts that are not given stay as they are, unless `retire_missing`.
        """
        report = ImportReport()
        rows: list[ScriptVersion] = []
        async with self._database.write() as session:
            await self._database.alone(session, "import scripts")
            active = await _active(session)
            latest = await _latest(session)
            for script in scripts:
                known = active.pop(script.id, None)
                if known is not None and known.fingerprint == script.fingerprint:
                    report.unchanged.append(script.id)
                    continue
                rows.append(self._row(script, latest.get(script.id, 0) + 1))
                (report.added if known is None else report.changed).append(script.id)
            if retire_missing:
                report.retired.extend(sorted(active))
            await _retire(session, [*report.changed, *report.retired])
            session.add_all(rows)
        self._seen = None
        return report

    def _row(self, script: Script, version: int) -> ScriptVersion:
        body = script.as_dict() | {"version": version}
        return ScriptVersion(
            script_id=script.id,
            version=version,
            body=body,
            active=True,
            imported_at=self._clock.now(),
        )

    async def is_empty(self) -> bool:
        async with self._database.read() as session:
            return await session.scalar(select(ScriptVersion.script_id).limit(1)) is None

    async def index(self) -> ScriptIndex:
        """The active scripts; read again only after an import, here or in another replica."""
        async with self._database.read() as session:
            seen = tuple(
                (
                    await session.execute(
                        select(
                            func.max(ScriptVersion.imported_at),
                            func.sum(ScriptVersion.version),
                            func.count(),
                        ).where(ScriptVersion.active)
                    )
                ).one()
            )
            if seen != self._seen:
                self._index = ScriptIndex((await _active(session)).values())
                self._seen = seen
        return self._index

    async def stats(self) -> Mapping[str, ScriptStats]:
        """How each script fared so far, at most half a minute old."""
        now = self._clock.now()
        if self._stats_at is None or abs(now - self._stats_at) > _STATS_AGE:
            async with self._database.read() as session:
                self._stats = await _stats(session)
            self._stats_at = now
        return self._stats


async def _active(session: AsyncSession) -> dict[str, Script]:
    rows = await session.scalars(
        select(ScriptVersion).where(ScriptVersion.active).order_by(ScriptVersion.script_id)
    )
    return {row.script_id: script_from_dict(row.body) for row in rows}


async def _latest(session: AsyncSession) -> dict[str, int]:
    rows = await session.execute(
        select(ScriptVersion.script_id, func.max(ScriptVersion.version)).group_by(
            ScriptVersion.script_id
        )
    )
    return dict(rows.all())


async def _retire(session: AsyncSession, ids: Collection[str]) -> None:
    await session.execute(
        update(ScriptVersion)
        .where(ScriptVersion.script_id.in_(list(ids)), ScriptVersion.active)
        .values(active=False)
    )


async def _stats(session: AsyncSession) -> dict[str, ScriptStats]:
    sent = ScriptUse.outcome == "sent"

    def count(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    rows = await session.execute(
        select(
            ScriptUse.script_id,
            count(sent),
            count(sent & ScriptUse.replied),
            count(sent & ScriptUse.advanced),
            count(sent & ScriptUse.edited),
            count(ScriptUse.outcome == "rejected"),
        ).group_by(ScriptUse.script_id)
    )
    return {row[0]: ScriptStats(*map(int, row[1:])) for row in rows}
