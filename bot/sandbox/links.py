"""Links of the acquisition assistant as the platform keeps them."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .platform import Platform


@dataclass(frozen=True, slots=True)
class Link:
    """One link; each new friend by it costs one of the corp's quota."""

    link_id: str
    name: str
    url: str
    users: tuple[str, ...]
    skip_verify: bool
    created_at: int
    turn: int


def links(platform: Platform) -> list[Link]:
    """All links, the oldest first."""
    return [_link(row) for row in platform.store.all("SELECT * FROM acquisition_links ORDER BY 1")]


def find_link(platform: Platform, link_id: str) -> Link | None:
    """One link, unless it was deleted."""
    row = platform.store.one("SELECT * FROM acquisition_links WHERE link_id = ?", link_id)
    return _link(row) if row else None


def spent(platform: Platform) -> int:
    """How much of the quota is gone."""
    return int(platform.store.value("SELECT COUNT(*) FROM acquisition_friends"))


def latest_channel(platform: Platform, link_id: str) -> str:
    """The channel of whoever came by the link last, empty before anybody did."""
    found = platform.store.value(
        "SELECT state FROM acquisition_friends WHERE link_id = ? ORDER BY seq DESC LIMIT 1",
        link_id,
    )
    return str(found or "")


def _link(row: sqlite3.Row) -> Link:
    body = json.loads(row["body"])
    return Link(
        link_id=row["link_id"],
        name=body["link_name"],
        url=body["url"],
        users=tuple(body["users"]),
        skip_verify=body["skip_verify"],
        created_at=row["created_at"],
        turn=row["turn"],
    )
