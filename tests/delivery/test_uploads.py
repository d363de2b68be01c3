"""A file that many need in the same minute: mass sends with a picture, asked of every guide."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.clock import ManualClock
from bot.delivery.media import MediaLibrary
from bot.outreach.attachments import MomentMedia
from bot.sandbox import Platform
from bot.store.database import Database
from bot.wecom.client import WeComClient

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 100


@pytest.fixture
def made(
    database: Database,
    connect: Callable[[Database], WeComClient],
    clock: ManualClock,
    tmp_path: Path,
) -> Callable[[type], Callable[[], object]]:
    (tmp_path / "size.png").write_bytes(PNG)

    def one(of: type) -> Callable[[], object]:
        library = of(database, connect(database), clock, root=tmp_path)
        if isinstance(library, MediaLibrary):
            return lambda: library.media_id("image", "size.png")
        return lambda: library.content([{"text": "新款"}, {"image": "size.png"}])

    return one


def _uploads(platform: Platform) -> int:
    return sum(1 for call in platform.calls if call.api.startswith("media/upload"))


@pytest.mark.parametrize("of", [MediaLibrary, MomentMedia])
async def test_one_process_uploads_it_once(
    made: Callable[..., Callable[..., object]], platform: Platform, of: type
) -> None:
    wanted = made(of)
    found = await asyncio.gather(*(wanted() for _ in range(6)))
    assert found.count(found[0]) == 6
    assert _uploads(platform) == 1


@pytest.mark.parametrize("of", [MediaLibrary, MomentMedia])
async def test_replicas_that_upload_it_at_once_all_have_it(
    made: Callable[..., Callable[..., object]], platform: Platform, of: type
) -> None:
    await asyncio.gather(*(made(of)() for _ in range(6)))
    before = _uploads(platform)
    await made(of)()
    assert _uploads(platform) == before
