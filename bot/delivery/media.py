"""Files of scripts as `media_id`s, uploaded once and again before WeCom forgets them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from bot.clock import Clock
from bot.delivery.uploads import Uploads
from bot.errors import GiveUp
from bot.store.database import Database
from bot.wecom.client import WeComClient

_MAX_BYTES = {"image": 10 * 2**20, "video": 10 * 2**20, "file": 20 * 2**20}


class MediaLibrary:
    """Gives the `media_id` of a local file under `root`, or under one of `more` folders.

    WeCom: temporary media live three days; images and videos ≤ 10 MB, files ≤ 20 MB.
    """

    def __init__(
        self,
        database: Database,
        client: WeComClient,
        clock: Clock,
        *,
        root: Path,
        more: Sequence[Path] = (),
    ) -> None:
        self._client = client
        self._uploads = Uploads(database, clock)
        self._roots = (root, *more)

    async def media_id(self, kind: str, source: str) -> str:
        """Upload `source` if WeCom does not hold it; raises `GiveUp` when it cannot be read."""
        content = await asyncio.to_thread(self._read, kind, source)
        return await self._uploads.media_id(
            kind,
            content,
            lambda: self._client.media.upload_bytes(
                kind, filename=Path(source).name, content=content
            ),
        )

    def find(self, source: str) -> Path | None:
        """Where a file lies, if it lies in one of the folders."""
        return next(filter(None, (found_below(root, source) for root in self._roots)), None)

    def _read(self, kind: str, source: str) -> bytes:
        path = self.find(source)
        if path is None:
            raise GiveUp(f"话术里的文件不存在：{source}；请放到话术目录下")
        if path.stat().st_size > _MAX_BYTES[kind]:
            raise GiveUp(f"话术里的文件太大：{source}（上限 {_MAX_BYTES[kind] // 2**20} MB）")
        return path.read_bytes()


def found_below(root: Path, source: str) -> Path | None:
    """The file, if there is one that does not lie outside of `root`."""
    if "\x00" in source:
        return None
    path = (root / source).resolve()
    return path if path.is_relative_to(root.resolve()) and path.is_file() else None
