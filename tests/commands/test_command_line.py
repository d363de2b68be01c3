"""The commands as people and programs use them: help, JSON, one clear line, exit codes."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import typer
from refusals import refused

from bot import cli
from bot.cli import app

Run = Callable[..., Any]
PRINTING_DATA = {
    "train",
    "parse",
    "evaluate",
    "doctor",
    "reply",
    "db upgrade",
    "scripts check",
    "scripts import",
    "scripts list",
    "deliveries list",
}


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its full name."""
    commands = getattr(command, "commands", None)
    if commands is None:
        yield " ".join(path), command
        return
    for name, inner in commands.items():
        yield from leaves(inner, (*path, name))


COMMANDS = dict(leaves(typer.main.get_command(app)))


def test_the_promised_commands_are_there() -> None:
    assert {"serve", "demo", *PRINTING_DATA} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_an_example(run: Run, name: str) -> None:
    ran = run(*name.split(), "--help")
    assert ran.code == 0
    assert "例：" in ran.out
    assert "wecom-bot" in ran.out
    assert ("--json" in ran.out) >= (name in PRINTING_DATA)


def test_version_and_bare_call(run: Run) -> None:
    assert run("--version").out.startswith("wecom-bot ")
    assert run().code in {0, 2}


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("parse",),
        ("parse", "a", "b"),
        ("reply", "太贵了", "--limit", "0"),
        ("deliveries", "retry"),
        ("db", "upgrade", "--nope"),
        ("scripts", "import"),
    ],
)
def test_wrong_usage_is_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).code == 2


REFUSALS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a missing config": (("--config", "none.yml", "db", "upgrade"), ("none.yml",)),
    "serving without keys": (("serve",), ("wecom.corp_id", "demo")),
    "an unknown stage": (("reply", "太贵了", "--stage", "nowhere"), ("nowhere", "icebreak")),
    "an unknown send": (("deliveries", "retry", "99"), ("99",)),
    "a missing file": (("evaluate", "none.jsonl"), ("none.jsonl",)),
    "a missing workbook": (("scripts", "import", "none.xlsx"), ("none.xlsx",)),
    "an unreadable number": (("deliveries", "retry", "x"), ("x",)),
    "an unknown console user": (("console", "password", "nobody"), ("nobody",)),
    "a strange ending": (("scripts", "export", "scripts.docx"), (".docx",)),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_done_is_1_and_one_line(run: Run, name: str) -> None:
    arguments, words = REFUSALS[name]
    refused(run(*arguments), *words)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("BOT_HTTP__PORT", "eighty", ("http.port", "BOT_HTTP__PORT")),
        ("BOT_DATABASE__URL", "mysql://bot:hunter2secret@h/x", ("database.url",)),
        ("BOT_DATABASE__URL", "sqlite+aiosqlite:////dev/null/x/bot.db", ("database.url",)),
        (
            "BOT_DATABASE__URL",
            "postgresql+psycopg://u:hunter2secret@127.0.0.1:9/x",
            ("database.url",),
        ),
    ],
)
def test_a_wrong_setting_is_one_line_without_the_password(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv(variable, value)
    ran = run("db", "upgrade")
    refused(ran, *words)
    assert "hunter2secret" not in ran.err


def test_upgrade_tells_from_where_to_where(run: Run) -> None:
    first = json.loads(run("db", "upgrade", "--json").out)
    assert first["before"] is None
    assert first["after"]
    again = json.loads(run("db", "upgrade", "--json").out)
    assert again == {"before": first["after"], "after": first["after"]}
    assert "已是最新" in run("db", "upgrade").out


def test_a_taken_port_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for name, value in {
            "HTTP__PORT": port,
            "WECOM__CORP_ID": "ww1",
            "WECOM__SECRET": "s3cret-7Hq2",
            "WECOM__TOKEN": "t",
            "WECOM__API_BASE": "http://127.0.0.1:9/",
            "WECOM__ENCODING_AES_KEY": "U2FuZGJveFdlQ29tQ2FsbGJhY2tLZXlPZjMyQnl0ZXM",
            "SCRIPTS__IMPORT_ON_START": "false",
            "LOGGING__LEVEL": "ERROR",
        }.items():
            monkeypatch.setenv(f"BOT_{name}", value)
        refused(run("serve"), port, "BOT_HTTP__PORT")


def test_nothing_failed_yet(run: Run) -> None:
    assert json.loads(run("deliveries", "list", "--json").out) == []
    assert run("deliveries", "list").out.strip()


def test_a_new_console_password_each_time(run: Run, tmp_path: Path) -> None:
    run("db", "upgrade")
    add = (
        "INSERT INTO console_user (name, password_hash, created_at)"
        " VALUES ('guide', 'old', '2026-11-20 00:00:00')"
    )
    with closing(sqlite3.connect(tmp_path / "bot.db")) as database, database:
        database.execute(add)
    first, second = (run("console", "password", "guide").out for _ in range(2))
    assert first != second
    with closing(sqlite3.connect(tmp_path / "bot.db")) as database:
        ((kept,),) = database.execute("SELECT password_hash FROM console_user")
    assert kept.startswith("$argon2")
    assert second.strip().rsplit("：", 1)[-1] not in kept


def test_doctor_says_what_is_missing(run: Run) -> None:
    ran = run("doctor", "--json")
    assert ran.code == 1
    findings = {one["check"]: one for one in json.loads(ran.out)}
    assert findings["数据库"]["ok"] is True
    assert findings["企业微信设置"]["ok"] is False
    assert "wecom.corp_id" in findings["企业微信设置"]["words"]
    assert findings["企业微信接口"]["ok"] is None
    assert "怎么办" in run("doctor").out


def test_doctor_names_a_platform_that_cannot_be_reached(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "CORP_ID": "ww1",
        "SECRET": "s3cret-7Hq2",
        "TOKEN": "t",
        "API_BASE": "http://127.0.0.1:9/",
        "ENCODING_AES_KEY": "U2FuZGJveFdlQ29tQ2FsbGJhY2tLZXlPZjMyQnl0ZXM",
    }.items():
        monkeypatch.setenv(f"BOT_WECOM__{name}", value)
    ran = run("doctor", "--json")
    assert ran.code == 1
    findings = {one["check"]: one for one in json.loads(ran.out)}
    assert findings["获取凭证 gettoken"]["ok"] is False
    assert "api_base" in findings["获取凭证 gettoken"]["mend"]
    assert "7Hq2" not in ran.out + ran.err


def test_the_demo_forgets_on_request(run: Run, tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "bot.db").write_text("x")
    assert run("demo", "--var", "demo", "--reset").code == 0
    assert not (tmp_path / "demo").exists()


def test_what_nobody_foresaw_is_one_line_and_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def breaks(**_: Any) -> None:
        raise RuntimeError("第一行\n第二行")

    monkeypatch.setattr(cli, "app", breaks)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    [log] = tmp_path.glob("wecom-bot-*.log")
    said = capsys.readouterr().err.strip()
    assert ended.value.code == 1
    assert "Traceback" in log.read_text(encoding="utf-8")
    assert len(said.splitlines()) == 1
    assert "RuntimeError：第一行" in said and log.name in said


def test_as_a_module_and_into_a_closed_pipe(tmp_path: Path) -> None:
    """`python -m bot` is the same program, and `| head` is no crash."""
    script = f"{sys.executable} -m bot --help | head -c 1"
    root = Path(__file__).resolve().parents[2]
    ran = subprocess.run(
        ["sh", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["frob"], 2, "没有命令 frob。用法见 wecom-bot --help"),
        (["parse"], 2, "缺少参数 text。用法见 wecom-bot parse --help"),
        (["parse", "好", "--jsn"], 2, "没有选项 --jsn，是不是 --json"),
        (["plan", "preview", "newcomer", "--days", "x"], 2, "--days 的值不对："),
        (
            ["evaluate", "a.jsonl", "--report", "/nowhere/a.html"],
            1,
            "/nowhere/a.html 读不了或写不了",
        ),
        (["scripts", "export", "a.xlsx"], 1, "话术库还是空的"),
        (["plan", "check", "a.yml"], 1, "a.yml 第 2 行"),
        (["plan", "check", "gone.yml"], 1, "gone.yml：没有这个文件"),
        (["scripts", "import", "gone.xlsx"], 1, "读不了 gone.xlsx：没有这个文件，请检查路径"),
        (["scripts", "import", "gone"], 1, "gone：没有这个文件。改法：检查文件名和路径"),
    ],
)
def test_wrong_usage_is_said_in_chinese(
    arguments: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text('{"text": "你好", "intent": "greet"}\n', encoding="utf-8")
    Path("a.yml").write_text("version: 1\njourneys: 1\n", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["wecom-bot", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == code
    assert said in capsys.readouterr().err
