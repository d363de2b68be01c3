"""The platform's memory: one SQLite file, or none at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS access_tokens (
    token TEXT PRIMARY KEY, expires_at INTEGER NOT NULL, revoked INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS accounts (
    open_kfid TEXT PRIMARY KEY, name TEXT NOT NULL, avatar TEXT NOT NULL,
    api_managed INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS servicers (
    open_kfid TEXT NOT NULL, userid TEXT NOT NULL, status INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (open_kfid, userid));
CREATE TABLE IF NOT EXISTS customers (
    external_userid TEXT PRIMARY KEY, position INTEGER NOT NULL, nickname TEXT NOT NULL,
    gender INTEGER NOT NULL, sketch TEXT NOT NULL, sketch_en TEXT NOT NULL, face TEXT NOT NULL,
    refuses INTEGER NOT NULL DEFAULT 0, read_seq INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, msgid TEXT NOT NULL, open_kfid TEXT NOT NULL,
    external_userid TEXT NOT NULL, origin INTEGER NOT NULL, servicer TEXT NOT NULL DEFAULT '',
    msgtype TEXT NOT NULL, body TEXT NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL DEFAULT '',
    UNIQUE (open_kfid, msgid));
CREATE INDEX IF NOT EXISTS messages_by_customer ON messages (external_userid, seq);
CREATE TABLE IF NOT EXISTS sessions (
    open_kfid TEXT NOT NULL, external_userid TEXT NOT NULL, state INTEGER NOT NULL DEFAULT 4,
    servicer TEXT NOT NULL DEFAULT '', asked_at INTEGER NOT NULL DEFAULT 0,
    entered_at INTEGER NOT NULL DEFAULT 0, welcomed_at INTEGER NOT NULL DEFAULT 0,
    replies INTEGER NOT NULL DEFAULT 0, scene TEXT NOT NULL DEFAULT '',
    scene_param TEXT NOT NULL DEFAULT '', PRIMARY KEY (open_kfid, external_userid));
CREATE TABLE IF NOT EXISTS sync_tokens (
    token TEXT PRIMARY KEY, open_kfid TEXT NOT NULL, expires_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS event_codes (
    code TEXT PRIMARY KEY, open_kfid TEXT NOT NULL, external_userid TEXT NOT NULL,
    kind TEXT NOT NULL, state INTEGER, expires_at INTEGER NOT NULL,
    used INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS media (
    media_id TEXT PRIMARY KEY, kind TEXT NOT NULL, purpose TEXT NOT NULL, filename TEXT NOT NULL,
    content_type TEXT NOT NULL, data BLOB NOT NULL, created_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS awaited_events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, due_at INTEGER NOT NULL, open_kfid TEXT NOT NULL,
    external_userid TEXT NOT NULL, event_type TEXT NOT NULL, fields TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS app_messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, msgid TEXT NOT NULL, receivers TEXT NOT NULL,
    msgtype TEXT NOT NULL, body TEXT NOT NULL, digest TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS friendships (
    userid TEXT NOT NULL, external_userid TEXT NOT NULL, since INTEGER NOT NULL,
    channel TEXT NOT NULL DEFAULT '', add_way INTEGER NOT NULL DEFAULT 1,
    half INTEGER NOT NULL DEFAULT 0, ended TEXT NOT NULL DEFAULT '',
    remark TEXT NOT NULL DEFAULT '', description TEXT NOT NULL DEFAULT '',
    company TEXT NOT NULL DEFAULT '', mobiles TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (userid, external_userid));
CREATE INDEX IF NOT EXISTS friendships_by_customer ON friendships (external_userid);
CREATE TABLE IF NOT EXISTS friend_tags (
    userid TEXT NOT NULL, external_userid TEXT NOT NULL, tag_id TEXT NOT NULL,
    PRIMARY KEY (userid, external_userid, tag_id));
CREATE TABLE IF NOT EXISTS welcome_codes (
    code TEXT PRIMARY KEY, userid TEXT NOT NULL, external_userid TEXT NOT NULL,
    expires_at INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0,
    consent INTEGER NOT NULL DEFAULT 1);
CREATE TABLE IF NOT EXISTS contact_ways (
    config_id TEXT PRIMARY KEY, position INTEGER NOT NULL, body TEXT NOT NULL,
    created_at INTEGER NOT NULL, turn INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS acquisition_links (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, link_id TEXT NOT NULL UNIQUE, body TEXT NOT NULL,
    created_at INTEGER NOT NULL, turn INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS acquisition_friends (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, link_id TEXT NOT NULL, external_userid TEXT NOT NULL,
    userid TEXT NOT NULL, state TEXT NOT NULL, at INTEGER NOT NULL,
    UNIQUE (link_id, external_userid));
CREATE TABLE IF NOT EXISTS handovers (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, external_userid TEXT NOT NULL, giver TEXT NOT NULL,
    taker TEXT NOT NULL, status INTEGER NOT NULL, begun_at INTEGER NOT NULL,
    taken_at INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS handovers_by_status ON handovers (status, begun_at);
CREATE TABLE IF NOT EXISTS corp_tag_groups (
    group_id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL,
    position INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS corp_tags (
    tag_id TEXT PRIMARY KEY, group_id TEXT NOT NULL, name TEXT NOT NULL,
    created_at INTEGER NOT NULL, position INTEGER NOT NULL DEFAULT 0,
    foreign_app INTEGER NOT NULL DEFAULT 0, UNIQUE (group_id, name));
CREATE TABLE IF NOT EXISTS group_states (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, chat_id TEXT NOT NULL, at INTEGER NOT NULL,
    body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS group_states_by_chat ON group_states (chat_id, seq);
CREATE TABLE IF NOT EXISTS group_templates (
    template_id TEXT PRIMARY KEY, body TEXT NOT NULL, notified INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS group_greetings (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, chat_id TEXT NOT NULL, names TEXT NOT NULL,
    text TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS join_ways (config_id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS mass_tasks (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, msgid TEXT NOT NULL UNIQUE, userid TEXT NOT NULL,
    chat_type TEXT NOT NULL, body TEXT NOT NULL, created_at INTEGER NOT NULL,
    sent_at INTEGER NOT NULL DEFAULT 0, cancelled_at INTEGER NOT NULL DEFAULT 0,
    reminders TEXT NOT NULL DEFAULT '[]');
CREATE TABLE IF NOT EXISTS mass_targets (
    msgid TEXT NOT NULL, target TEXT NOT NULL, status INTEGER NOT NULL DEFAULT 0,
    sent_at INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (msgid, target));
CREATE INDEX IF NOT EXISTS mass_targets_by_target ON mass_targets (target, sent_at);
CREATE TABLE IF NOT EXISTS moments (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, moment_id TEXT NOT NULL UNIQUE,
    jobid TEXT NOT NULL UNIQUE, body TEXT NOT NULL, senders TEXT NOT NULL, tags TEXT NOT NULL,
    created_at INTEGER NOT NULL, cancelled_at INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS moment_posts (
    moment_id TEXT NOT NULL, userid TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (moment_id, userid));
CREATE TABLE IF NOT EXISTS moment_views (
    moment_id TEXT NOT NULL, userid TEXT NOT NULL, external_userid TEXT NOT NULL,
    at INTEGER NOT NULL, PRIMARY KEY (moment_id, userid, external_userid));
CREATE TABLE IF NOT EXISTS moment_reactions (
    moment_id TEXT NOT NULL, userid TEXT NOT NULL, external_userid TEXT NOT NULL,
    kind TEXT NOT NULL, at INTEGER NOT NULL);
"""


class Store:
    """SQLite with a write-ahead log: what was committed survives `kill -9`."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._depth = 0
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=3000"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; a nested call joins the outer one."""
        if self._depth:
            yield
            return
        self._depth = 1
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        else:
            self._db.execute("COMMIT")
        finally:
            self._depth = 0

    def run(self, sql: str, *values: object) -> int:
        """Execute; the number of rows changed."""
        return self._db.execute(sql, values).rowcount

    def insert(self, table: str, **values: object) -> int:
        """Add one row; its row number. Table and columns are names from this package."""
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        sql = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608
        return int(self._db.execute(sql, tuple(values.values())).lastrowid or 0)

    def one(self, sql: str, *values: object) -> sqlite3.Row | None:
        """The first row, if any."""
        row: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Every row."""
        return self._db.execute(sql, values).fetchall()

    def value(self, sql: str, *values: object) -> Any:
        """The first column of the first row, or None."""
        row = self.one(sql, *values)
        return row[0] if row else None

    def fact(self, name: str) -> str | None:
        """One remembered setting."""
        value: str | None = self.value("SELECT value FROM facts WHERE name = ?", name)
        return value

    def remember(self, name: str, value: str) -> None:
        """Write one remembered setting."""
        self.run("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", name, value)
