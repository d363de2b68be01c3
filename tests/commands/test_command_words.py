"""Commands that understand, train, answer and keep scripts."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from refusals import refused

from bot import cli

Run = Callable[..., Any]


def test_parsing_a_sentence(run: Run) -> None:
    verdict = json.loads(run("parse", "这件还有L码吗", "--json").out)
    assert verdict["intent"] == "ask_stock"
    assert 0 <= verdict["confidence"] <= 1
    assert verdict["ranking"][0]["intent"] == "ask_stock"
    assert "ask_stock" in run("parse", "这件还有L码吗").out


@pytest.mark.parametrize("text", ["", " ", "\u0000", "😀" * 3000, "-", "\n"])
def test_parsing_anything_at_all(run: Run, text: str) -> None:
    ran = run("parse", "--json", "--", text)
    assert ran.code == 0
    assert json.loads(ran.out)["intent"]


def test_training_again_is_a_look(run: Run) -> None:
    first = json.loads(run("train", "--json").out)
    again = json.loads(run("train", "--json").out)
    assert again["model"] == first["model"]
    assert again["seconds"] < 5


def test_a_reply_with_reasons(run: Run) -> None:
    answer = json.loads(run("reply", "太贵了", "--stage", "objection", "--json").out)
    assert answer["stage"] == "objection"
    assert answer["understanding"]["intent"] == "complain_price"
    assert 1 <= len(answer["choices"]) <= 3
    assert all(choice["text"] and choice["reasons"] for choice in answer["choices"])
    assert "理由" in run("reply", "太贵了", "--stage", "objection").out


def test_evaluating_gives_the_promised_figures(run: Run) -> None:
    rows = [
        {"text": "还有L码吗", "intent": "ask_stock"},
        {"text": "太贵了", "intent": "complain_price"},
        {"text": "多少钱", "intent": "ask_price"},
        {"text": "帮我写首诗", "intent": "out_of_scope"},
    ]
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    Path("rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    figures = json.loads(run("evaluate", "rows.jsonl", "--json").out)
    assert figures["n"] == 4
    assert {"accuracy", "macro_f1", "top3", "out_of_scope_auroc", "per_intent"} <= set(figures)
    assert set(figures["latency_ms"]) >= {"p50", "p99"}
    assert figures["engine"]
    assert "准确率" in run("evaluate", "rows.jsonl").out


@pytest.mark.parametrize("line", ["{", "[]", '{"text": "a"}', '{"text": 5, "intent": "greet"}'])
def test_a_broken_row_is_named_by_its_line(run: Run, line: str) -> None:
    Path("rows.jsonl").write_text('{"text": "在吗", "intent": "greet"}\n' + line + "\n")
    refused(run("evaluate", "rows.jsonl"), "rows.jsonl", "2")


def test_scripts_go_out_and_come_back(run: Run) -> None:
    shutil.copytree(_shipped() / "assets", "assets")
    report = json.loads(run("scripts", "import", str(_shipped()), "--json").out)
    assert len(report["added"]) >= 150
    for name in ("out.yml", "out.xlsx"):
        assert run("scripts", "export", name).code == 0
        back = json.loads(run("scripts", "import", name, "--json").out)
        assert (back["added"], back["changed"], back["retired"]) == ([], [], []), name
    listed = json.loads(run("scripts", "list", "--json").out)
    assert len(listed) == len(report["added"])
    few = json.loads(run("scripts", "list", "--intent", "complain_price", "--json").out)
    assert 0 < len(few) < len(listed)


def _shipped() -> Path:
    import scripts_library

    return Path(scripts_library.__file__).parent / "catalogue"


def test_a_missing_folder_of_scripts_is_named(run: Run) -> None:
    ran = run("scripts", "import", "none")
    assert ran.code == 1
    assert "none" in ran.err
    assert "Traceback" not in ran.err


def test_a_mend_names_a_place_beside_the_file(run: Run) -> None:
    body = "scripts:\n  - {id: a, title: a, intents: [greet], parts: [{image: assets/no.png}]}\n"
    Path("one.yml").write_text(body, encoding="utf-8")
    assert " assets/no.png" in run("scripts", "check", "one.yml").out.split("把文件放到")[1]


def test_a_wrong_script_is_shown_with_its_line(run: Run) -> None:
    Path("bad.yml").write_text("scripts:\n  - id: a\n    intents: [greet]\n", encoding="utf-8")
    ran = run("scripts", "check", "bad.yml")
    assert ran.code == 1
    assert "bad.yml" in ran.out
    ran = run("scripts", "check", "bad.yml", "--json")
    assert ran.code == 1
    assert json.loads(ran.out)["problems"]
    assert json.loads(run("scripts", "list", "--json").out) == []


def test_the_shipped_scripts_pass(run: Run) -> None:
    assert run("scripts", "check").code == 0


def test_train_check_names_all_faults_and_trains_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yml").write_text('version: "3.1"\nnlu:\n- intent: greet\n  examples: [\n')
    Path("b.yml").write_text(
        'version: "3.1"\nnlu:\n- intent: nonsense\n  examples: |\n    - 你好\n'
    )
    monkeypatch.setenv("BOT_NLU__DATA", '["a.yml", "b.yml"]')
    monkeypatch.setenv("BOT_DATABASE__URL", f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}")
    monkeypatch.setattr(sys, "argv", ["wecom-bot", "train", "--check"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr()
    assert ended.value.code == 1
    assert "a.yml:5" in told.out
    assert "nonsense" in told.out
    assert "2 处需要修改" in told.err
    assert not list(tmp_path.rglob("*.joblib"))
