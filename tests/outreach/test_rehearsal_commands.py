from __future__ import annotations

import asyncio
import json
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import app
from bot.commands.simulate import rehearsed
from bot.settings import Settings
from bot.store.database import Database
from bot.store.outreach_tables import JourneyChoice, JourneyVersion
from scheduler.reading.loading import SHIPPED

START = datetime.fromisoformat("2026-03-02T08:00:00+08:00")


async def test_two_days_of_the_shipped_journeys_are_clean() -> None:
    report = await rehearsed(Settings(), customers=6, days=2, seed=3, start=START)
    assert report.clean, report.details
    assert report.figures["sent"] > 0
    assert set(report.figures) == {
        "customers",
        "days",
        "seed",
        "planned",
        "sent",
        "skipped",
        "violations",
        "doubled",
        "lost",
        "seconds",
    }


def test_a_preview_shows_each_day_of_a_segment() -> None:
    done = CliRunner().invoke(
        app, ["plan", "preview", "newcomer", "--segment", "mothers", "--days", "8", "--json"]
    )
    assert done.exit_code == 0, done.output
    rows = json.loads(done.output)
    assert [row["day"] for row in rows if row["kind"] == "moment"] == [1, 2, 3, 4, 5, 6, 7]


def test_a_preview_beside_others_marks_them_and_says_what_they_take() -> None:
    command = [
        "plan",
        "preview",
        "newcomer",
        "--segment",
        "mothers",
        "--with",
        "price_silent,parcel_arrived",
    ]
    done = CliRunner().invoke(app, [*command, "--start", "2026-11-23T12:00", "--json"])
    assert done.exit_code == 0, done.output
    rows = json.loads(done.output)
    assert {row["journey"] for row in rows if row["other"]} == {"price_silent", "parcel_arrived"}
    hello = next(row for row in rows if row["step"] == "hello")
    assert hello["conflict"]["taken_by"][0]["journey"] == "parcel_arrived"
    shown = CliRunner().invoke(app, ["plan", "preview", "newcomer", "--with", "all"])
    assert "▶新朋友七天" in shown.output
    assert "最挤的情况" in shown.output


def test_what_was_edited_in_the_console_is_listed_and_rehearsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/shop.db"
    monkeypatch.setenv("BOT_DATABASE__URL", url)
    assert CliRunner().invoke(app, ["db", "upgrade"]).exit_code == 0
    text = (SHIPPED / "parcel_arrived.yml").read_text(encoding="utf-8")

    async def edited() -> None:
        database = Database(url)
        async with database.write() as session:
            version = {"journey": "parcel_arrived", "number": 1, "note": "", "saved_by": "li"}
            words = text.replace("问合不合身", "问穿着怎样")
            session.add(JourneyVersion(**version, text=words, saved_at=START))
            session.add(
                JourneyChoice(
                    journey="parcel_arrived",
                    enabled=False,
                    version=1,
                    changed_by="li",
                    changed_at=START,
                )
            )
        await database.close()

    asyncio.run(edited())
    assert "停用，第 1 版" in CliRunner().invoke(app, ["plan", "list"]).output
    shown = CliRunner().invoke(app, ["plan", "preview", "parcel_arrived"])
    assert "问穿着怎样" in shown.output, shown.output
    beside = CliRunner().invoke(app, ["plan", "preview", "newcomer", "--with", "all"])
    assert "问穿着怎样" not in beside.output


def test_a_file_of_ones_own_is_rehearsed_before_it_is_put_anywhere(tmp_path: Path) -> None:
    text = (SHIPPED / "parcel_arrived.yml").read_text(encoding="utf-8")
    (tmp_path / "own.yml").write_text(text.replace("parcel_arrived", "own"), encoding="utf-8")
    command = ["plan", "preview", "own", "--file", str(tmp_path / "own.yml")]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0, shown.output
    assert "问合不合身" in shown.output


def test_a_mistake_in_a_journey_names_file_line_and_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.yml"
    file.write_text("version: 1\njourneys:\n- id: x\n  name: 甲\n  stepz: []\n", encoding="utf-8")
    monkeypatch.setenv("BOT_OUTREACH__JOURNEYS", str(file))
    done = CliRunner().invoke(app, ["plan", "check"])
    assert done.exit_code != 0
    assert "mine.yml 第 5 行" in str(done.exception)


def test_a_script_that_no_library_has_is_named(tmp_path: Path) -> None:
    step = "{id: s, purpose: 问候, kind: nudge, at: {hours: 1}, content: {script: SCRIPT}}"
    head = "version: 1\njourneys:\n- id: a\n  name: 甲\n  triggers: [{added: any}]\n"
    journey = f"{head}  steps:\n  - {step}\n"
    file = tmp_path / "a.yml"
    for script, code in (("price.objection.welcome", 0), ("price.objection.welcom", 1)):
        file.write_text(journey.replace("SCRIPT", script), encoding="utf-8")
        done = CliRunner().invoke(app, ["plan", "check", str(file), "--json"])
        assert done.exit_code == code
    assert "改法：是不是想写「price.objection.welcome」" in done.output
