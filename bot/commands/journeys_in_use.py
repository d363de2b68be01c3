"""Journeys as the shop runs them: its files, with what was edited and switched in the console."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import BadRequest, NotFound
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.outreach.journey_shelf import JourneyShelf, Shelved
    from bot.store.database import Database
    from scheduler import Journey

EVERY = ("all", "全部")
_NOWHERE = "sqlite+aiosqlite://"


def in_use(settings: Settings) -> list[Shelved]:
    """Every journey as it stands; only a look, for which nothing is brought up to date.

    Raises `SettingsError` when the files cannot be used.
    """
    from bot.outreach.journey_shelf import Shelved
    from bot.store.database import Database

    there = has_database(settings)
    database = Database(settings.database.url if there else _NOWHERE)
    shelf = _shelf(settings, database)
    found = asyncio.run(_kept(shelf, database)) if there else []
    return found or [
        Shelved(name, one, True, None, shelf.base.texts[name][0])
        for name, one in shelf.base.journeys.items()
    ]


def has_database(settings: Settings) -> bool:
    """Whether looking into the database would not make an empty file."""
    from sqlalchemy import make_url

    place = make_url(settings.database.url)
    return place.get_backend_name() != "sqlite" or Path(place.database or "").is_file()


def asked_for(shelved: Iterable[Shelved], names: str) -> list[Journey]:
    """The journeys of `--with`: `all` that run, or those named, with commas between them.

    Raises `NotFound` for one that is not there and `BadRequest` when none is named.
    """
    if names.strip() in EVERY:
        return [one.journey for one in shelved if one.runs and one.journey is not None]
    known = {one.id: one.journey for one in shelved}
    wanted = [name for part in names.replace("，", ",").split(",") if (name := part.strip())]
    if not wanted:
        raise BadRequest("--with 要写 all，或用逗号隔开的旅程编号")
    return [_named(known, name) for name in wanted]


def _named(known: dict[str, Journey | None], name: str) -> Journey:
    journey = known.get(name)
    if journey is None:
        raise NotFound(f"没有旅程 {name}；现有：{_listed(known)}")
    return journey


def _listed(names: Collection[str]) -> str:
    return "、".join(names)


def _shelf(settings: Settings, database: Database) -> JourneyShelf:
    from bot.clock import SystemClock
    from bot.customers.funnel import load_funnel
    from bot.outreach.journey_shelf import JourneyShelf
    from bot.shop import shop_variables

    return JourneyShelf(
        database,
        SystemClock(),
        settings,
        variables=list(shop_variables(settings.shop)),
        stages=load_funnel().names,
    )


async def _kept(shelf: JourneyShelf, database: Database) -> list[Shelved]:
    """Nothing when the database is not of this version, or not there."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return await shelf.all()
    except (SQLAlchemyError, OSError):
        return []
    finally:
        await database.close()
