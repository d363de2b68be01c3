from __future__ import annotations

import json

from alembic import command
from sqlalchemy import Connection, text

from bot.outreach.step_results import step_results
from bot.store.database import Database
from bot.store.migrate import alembic_config, upgrade

_TOUCH = text(
    "INSERT INTO touch (id, journey, step, kind, audience, subject, external_userid, segment,"
    " guides, messages, due_at, look_at, status, explanation, outcome, created_at) VALUES"
    " (:id, 'j', 's', :kind, 'customer', 'wm', :who, 'all', '[]', 1, :at, :at, 'sent', '',"
    " :outcome, :at)"
)


def _before(connection: Connection) -> None:
    command.upgrade(alembic_config(connection), "0012")


async def test_what_came_of_touches_before_is_counted_after_an_upgrade(database_url: str) -> None:
    database = Database(database_url)
    async with database.engine.begin() as connection:
        await connection.run_sync(_before)
        for name, who, outcome in (
            ("a", "wmA", {"replied": "2026-11-20T10:00:00+00:00"}),
            ("b", "wmB", {"replied": "…", "bought": "…"}),
            ("c", None, {"reached": 7, "liked": 2, "commented": 0}),
        ):
            at = "2026-11-20 00:00:00+00:00" if "postgres" in database_url else "2026-11-20 00:00"
            row = {"id": name, "who": who, "outcome": json.dumps(outcome), "at": at}
            await connection.execute(_TOUCH, row | {"kind": "nudge" if who else "moment"})
    await upgrade(database)
    async with database.read() as session:
        found = await step_results(session, "j")
    assert [(one.replied, one.bought, one.echo("liked")) for one in found] == [(2, 1, 2)]
    await database.close()
