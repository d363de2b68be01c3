"""Durable state: tables, transactions, claiming work, migrations."""

from __future__ import annotations

from bot.store.database import Database as Database
