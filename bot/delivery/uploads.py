"""What was uploaded to WeCom: once for all who need it, and again before WeCom forgets it."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from bot.clock import Clock
from bot.errors import UnknownOutcome
from bot.store.database import Database
from bot.store.tables import MediaUpload
from bot.store.upsert import put

_LIFETIME = timedelta(days=3)
_MARGIN = timedelta(hours=2)


class Uploads:
    """Knows the `media_id` of a content; whoever needs one that is on its way waits for it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._on_its_way: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def media_id(
        self, kind: str, content: bytes, upload: Callable[[], Awaitable[dict[str, Any]]]
    ) -> str:
        """The id of this content; calls `upload` if WeCom does not hold it any more."""
        digest, now = hashlib.sha256(content).hexdigest(), self._clock.now()
        async with self._on_its_way[digest, kind]:
            if known := await self._known(digest, kind, now):
                return known
            answer = await upload()
            if not (media_id := answer.get("media_id")):
                raise UnknownOutcome("企业微信的回应里没有 media_id", api="media/upload")
            await self._keep(digest, kind, str(media_id), now)
        return str(media_id)

    async def _known(self, digest: str, kind: str, now: datetime) -> str | None:
        async with self._database.read() as session:
            known = await session.get(MediaUpload, (digest, kind))
        return known.media_id if known and known.expires_at - _MARGIN > now else None

    async def _keep(self, digest: str, kind: str, media_id: str, now: datetime) -> None:
        """Another replica may have uploaded the same meanwhile; either id will do."""
        row = {"media_id": media_id, "expires_at": now + _LIFETIME}
        async with self._database.write() as session:
            await put(
                session,
                MediaUpload,
                [{"digest": digest, "kind": kind, **row}],
                unique=["digest", "kind"],
                change=list(row),
            )
