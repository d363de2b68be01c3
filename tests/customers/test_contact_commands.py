"""The commands as an operator runs them: processes of their own against a platform over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from contact_platform import ContactPlatform, application
from sqlalchemy import func, select

from bot.store.contact_tables import Follow
from bot.store.database import Database

PAGES = "externalcontact/batch/get_by_user"


@pytest.fixture
async def platform_of_many() -> AsyncIterator[tuple[ContactPlatform, str]]:
    platform = ContactPlatform()
    platform.add_group("等级", "VIP")
    for guide in range(120):
        for number in range(10):
            platform.follow(f"guide{guide:03}", f"wm{guide:03}x{number:03}")
    async with TestServer(application(platform)) as server:
        yield platform, str(server.make_url("/cgi-bin/"))


def environment(folder: Path, base: str) -> dict[str, str]:
    return os.environ | {
        "BOT_DATABASE__URL": f"sqlite+aiosqlite:///{folder / 'bot.db'}",
        "BOT_WECOM__API_BASE": base,
        "BOT_WECOM__CORP_ID": "ww1",
        "BOT_WECOM__SECRET": "secret-of-the-corp",
    }


async def command(folder: Path, base: str, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *words,
        cwd=folder,
        env=environment(folder, base),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def answer(folder: Path, base: str, *words: str) -> tuple[int, Any, str]:
    process = await command(folder, base, *words)
    out, err = await process.communicate()
    assert process.returncode is not None
    text = out.decode()
    return (
        process.returncode,
        json.loads(text) if text.startswith(("{", "[")) else text,
        err.decode(),
    )


async def follows(folder: Path) -> int:
    database = Database(f"sqlite+aiosqlite:///{folder / 'bot.db'}")
    try:
        async with database.read() as session:
            return await session.scalar(select(func.count()).select_from(Follow)) or 0
    finally:
        await database.close()


@pytest.mark.long
async def test_a_killed_sync_goes_on_where_it_was(
    platform_of_many: tuple[ContactPlatform, str], tmp_path: Path
) -> None:
    platform, base = platform_of_many
    reached = asyncio.Event()

    def watch(api: str) -> None:
        if platform.calls[PAGES] >= 7:
            reached.set()

    platform.on_call = watch
    process = await command(tmp_path, base, "sync", "--json")
    await asyncio.wait_for(reached.wait(), timeout=60)
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    saved, made = await follows(tmp_path), platform.calls[PAGES]
    assert 0 < saved < 1200
    status, report, _ = await answer(tmp_path, base, "sync", "--json")
    assert status == 0
    assert report["follows"] == {"seen": 1200, "added": 1200, "changed": 0, "removed": 0}
    assert report["customers"]["seen"] == 1200
    assert {"tags", "groups", "calls", "seconds"} <= report.keys()
    assert report["resumed"] == 1
    assert platform.calls[PAGES] - made <= 12 - saved // 100
    assert await follows(tmp_path) == 1200


@pytest.mark.long
async def test_export_and_erase_one_customer(
    platform_of_many: tuple[ContactPlatform, str], tmp_path: Path
) -> None:
    _, base = platform_of_many
    assert (await answer(tmp_path, base, "sync"))[0] == 0
    who = "wm003x004"
    status, exported, _ = await answer(tmp_path, base, "customer", "export", who)
    assert status == 0
    assert exported["tables"]["customer"][0]["name"] == f"客户{who}"
    status, erased, _ = await answer(tmp_path, base, "customer", "erase", who, "--yes", "--json")
    assert (status, erased["erased"]["customer"]) == (0, 1)
    status, _, said = await answer(tmp_path, base, "customer", "export", who)
    assert (status, said) == (1, f"错误：没有客户 {who}\n")


async def test_a_refused_secret_is_one_clear_line(
    platform_of_many: tuple[ContactPlatform, str], tmp_path: Path
) -> None:
    platform, base = platform_of_many
    platform.failing = [48002]
    status, _, said = await answer(tmp_path, base, "sync", "--json")
    assert status == 1
    assert said.startswith("错误：")
    assert len(said.splitlines()) == 1
