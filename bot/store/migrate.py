"""Bringing a database up to date; safe when several replicas start together."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from bot.errors import StoreError
from bot.store.database import Database

_ADVISORY_LOCK = 0x5745434F4D  # any fixed number: replicas queue on it


async def upgrade(database: Database) -> tuple[str | None, str]:
    """Apply pending migrations; returns the revisions before and after.

    Raises `StoreError` when the database is unreachable or newer than this program.
    """
    try:
        async with database.engine.connect() as connection:
            await connection.execute(
                text("BEGIN IMMEDIATE")
                if database.is_sqlite
                else text("SELECT pg_advisory_xact_lock(:key)").bindparams(key=_ADVISORY_LOCK)
            )
            revisions = await connection.run_sync(_upgrade)
            await connection.commit()
            return revisions
    except CommandError as error:
        raise StoreError(
            f"数据库的版本比程序新或不认识（{error}）；请升级程序，或换一个数据库"
        ) from None
    except (SQLAlchemyError, OSError) as error:
        where = database.url.render_as_string(hide_password=True)
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise StoreError(f"打不开数据库 {where}：{cause}；请检查 database.url") from None


def alembic_config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> tuple[str | None, str]:
    config = alembic_config(connection)
    head = ScriptDirectory.from_config(config).get_current_head() or ""
    before = MigrationContext.configure(connection).get_current_revision()
    if before != head:
        command.upgrade(config, "head")
    return before, head
