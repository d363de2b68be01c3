"""What can be checked about Rasa's files and its workshop without Rasa."""

from __future__ import annotations

import ast
import stat
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from intents import OUT_OF_SCOPE, load_taxonomy
from intents.annotations import ENTITIES
from intents.errors import TrainingDataError
from intents.normalize import normalize
from intents.rasa import environment as environment_module
from intents.rasa.__main__ import main
from intents.rasa.domain import domain_text
from intents.rasa.environment import COMPONENTS, Environment, RasaMissing, find_python
from intents.rasa.normal_data import normal_yaml
from intents.rasa.server import TOKEN_VARIABLE, token_of
from intents.rasa.training import CONFIG, DOMAIN, model_name, train
from intents.rasa_answer import RasaNonsense, understanding_of
from intents.training_data import DATA_FOLDER, load_training_data
from intents.understanding import Understanding

PACKAGE = DATA_FOLDER.parent
INSIDE_RASA = (
    *sorted(COMPONENTS.rglob("*.py")),
    *sorted(PACKAGE.glob("*.py")),
    *sorted((PACKAGE / "builtin").glob("*.py")),
)
CLASSICAL = CONFIG.with_name("config.diet.yml")


def test_the_domain_is_the_taxonomy() -> None:
    assert DOMAIN.read_text(encoding="utf-8") == domain_text()
    domain = yaml.safe_load(domain_text())
    assert domain["intents"] == [*load_taxonomy().names, OUT_OF_SCOPE]
    assert domain["entities"] == list(ENTITIES)
    assert main(["domain", "--check"]) == 0


@pytest.mark.parametrize("path", INSIDE_RASA, ids=lambda path: path.stem)
def test_what_rasa_imports_is_python_3_10(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 10))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in ("datetime", "typing")
        for alias in node.names
    }
    assert not imported & {"UTC", "Self", "assert_never", "override", "Never", "LiteralString"}


def test_the_pipelines_are_complete() -> None:
    shipped = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    classical = yaml.safe_load(CLASSICAL.read_text(encoding="utf-8"))
    for config in (shipped, classical):
        assert {"recipe", "language", "assistant_id", "pipeline", "policies"} <= set(config)
    module, _, name = shipped["pipeline"][0]["name"].rpartition(".")
    source = COMPONENTS.joinpath(*module.split(".")).with_suffix(".py").read_text()
    assert f"class {name}(" in source
    assert "DIETClassifier" in {one["name"] for one in classical["pipeline"]}


def test_a_model_is_named_after_what_it_was_made_of(tmp_path: Path) -> None:
    source = tmp_path / "shop.yml"
    source.write_text('version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - 你好\n')
    before = model_name(CONFIG, [source])
    assert before == model_name(CONFIG, [source])
    assert before != model_name(CLASSICAL, [source])
    source.write_text(source.read_text() + "    - 在吗\n")
    assert before != model_name(CONFIG, [source])


def test_a_slip_in_the_data_stops_the_training_before_rasa_starts(tmp_path: Path) -> None:
    source = tmp_path / "shop.yml"
    source.write_text('version: "3.1"\nnlu:\n- intent: ask_moon\n  examples: |\n    - 月亮\n')
    models = tmp_path / "models"
    with pytest.raises(TrainingDataError, match=r"shop\.yml:\d+: .*ask_moon"):
        train(_pretended(tmp_path), models, sources=[source])
    assert not models.exists()


def test_rasa_learns_from_normal_text(tmp_path: Path) -> None:
    source = tmp_path / "shop.yml"
    source.write_text(
        'version: "3.1"\nnlu:\n- intent: ask_stock\n  examples: |\n'
        '    - 😄  [ＸＸＬ]{"entity": "size", "value": "2XL"} 有貨嗎[捂脸]\n'
        "    - [黑色](color)的还有吗\n"
        '- synonym: "1"\n  examples: |\n    - 一件\n- lookup: color\n  examples: |\n    - 黑色\n'
        "- regex: quantity\n  examples: |\n    - \\d+件\n"
    )
    written = load_training_data([source])
    copy = tmp_path / "normal.yml"
    copy.write_text(normal_yaml(written))
    read = load_training_data([copy])
    assert [one.text for one in read.examples] == ["☺ xxl 有货吗☹", "黑色的还有吗"]
    marks = [(mark.value, mark.start, mark.end) for mark in read.examples[0].annotations]
    assert marks == [("2XL", 2, 5)]
    assert (read.synonyms, read.lookups) == (written.synonyms, written.lookups)
    assert read.regexes == written.regexes


def test_all_our_data_survives_the_way_to_rasa(tmp_path: Path) -> None:
    written = load_training_data()
    copy = tmp_path / "normal.yml"
    copy.write_text(normal_yaml(written))
    read = load_training_data([copy])
    assert read.counts() == written.counts()
    marks = [sum(len(one.annotations) for one in data.examples) for data in (read, written)]
    assert marks[0] == marks[1]


def test_training_without_rasa_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RasaMissing, match=r"python -m intents\.rasa install"):
        train(Environment(tmp_path / "none"), tmp_path / "models")


def test_no_python_3_10_is_said_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RASA_PYTHON", str(tmp_path / "python3.10"))
    with pytest.raises(RasaMissing, match=r"找不到能用的 Python 3\.10.*uv python install 3\.10"):
        find_python()
    assert main(["--venv", str(tmp_path / "venv"), "install"]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "Python 3.10" in told
    assert not (tmp_path / "venv").exists()


def test_a_python_on_the_path_that_does_not_run_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / "bin" / "python3.10"
    real = tmp_path / "pyenv" / "versions" / "3.10.13" / "bin" / "python3.10"
    for path, code in ((shim, 127), (real, 0)):
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\nexit {code}\n")
        path.chmod(0o755)
    monkeypatch.delenv("RASA_PYTHON", raising=False)
    monkeypatch.setenv("PATH", str(shim.parent))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    assert find_python() == real


def test_the_token_is_ours_or_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    token = token_of(tmp_path / "rasa")
    assert len(token) >= 24 and token_of(tmp_path / "rasa") == token
    assert stat.S_IMODE((tmp_path / "rasa" / "token").stat().st_mode) == 0o600
    monkeypatch.setenv(TOKEN_VARIABLE, "from-the-settings")
    assert token_of(tmp_path / "rasa") == "from-the-settings"


def test_our_component_decides_about_strangers_itself() -> None:
    unsure = {"name": "ask_price", "confidence": 0.2}
    answered = _understood({"intent": unsure, "intent_ranking": [unsure], "stranger": 0.4})
    assert (answered.intent, answered.stranger) == ("ask_price", 0.4)
    refusal = {"name": OUT_OF_SCOPE, "confidence": 0.7}
    ranking = [refusal, unsure]
    refused = _understood({"intent": refusal, "intent_ranking": ranking, "stranger": 0.7})
    assert (refused.intent, refused.wants) == (OUT_OF_SCOPE, ())
    assert refused.ranking[0].intent == "ask_price"


def test_a_refusal_without_a_guess_is_a_refusal() -> None:
    refusal = {"name": OUT_OF_SCOPE, "confidence": 1.0}
    said = _understood({"intent": refusal, "intent_ranking": [refusal], "stranger": 1.0}, "12")
    assert (said.intent, said.confidence, said.ranking) == (OUT_OF_SCOPE, 1.0, ())


def test_a_classical_pipeline_is_refused_below_the_threshold() -> None:
    unsure = {"name": "ask_price", "confidence": 0.2}
    assert _understood({"intent": unsure, "intent_ranking": [unsure]}).intent == OUT_OF_SCOPE


def test_wants_of_the_component_come_along_and_unknown_ones_do_not() -> None:
    best = {"name": "ask_price", "confidence": 0.8}
    wants = [{"name": "ask_logistics", "confidence": 0.6}, {"name": "ask_moon", "confidence": 0.9}]
    said = _understood({"intent": best, "intent_ranking": [best], "stranger": 0.1, "wants": wants})
    assert [one.intent for one in said.wants] == ["ask_price", "ask_logistics"]


@pytest.mark.parametrize("stranger", ["0.4", True, -1, 7, None, [0.5], float("nan")])
def test_a_silly_stranger_is_no_stranger(stranger: object) -> None:
    best = {"name": "ask_price", "confidence": 0.8}
    said = _understood({"intent": best, "intent_ranking": [best], "stranger": stranger})
    assert said.intent == "ask_price" and said.stranger == pytest.approx(0.2)


@pytest.mark.parametrize("wants", [[None], [{"name": 1, "confidence": 0.5}], [{"name": "greet"}]])
def test_silly_wants_are_nonsense(wants: object) -> None:
    best = {"name": "ask_price", "confidence": 0.8}
    with pytest.raises(RasaNonsense):
        _understood({"intent": best, "intent_ranking": [best], "wants": wants})


def test_words_of_a_classical_pipeline_get_their_normal_values() -> None:
    best = {"name": "ask_logistics", "confidence": 0.8}
    entities = [
        {"entity": "quantity", "start": 0, "end": 2, "value": "两件"},
        {"entity": "time", "start": 2, "end": 4, "value": "后天"},
    ]
    said = _understood(
        {"intent": best, "intent_ranking": [best], "entities": entities}, "两件后天能到吗"
    )
    assert [one.value for one in said.entities] == ["2", "2026-11-23"]


def _understood(answer: dict[str, object], text: str = "多少钱") -> Understanding:
    now = datetime(2026, 11, 21, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
    return understanding_of(
        answer, normalize(text), load_taxonomy(), refuse_below=0.3, engine="rasa", now=now
    )


def _pretended(folder: Path) -> Environment:
    """An environment that looks installed; nothing in it runs."""
    environment = Environment(folder / "venv")
    environment.python.parent.mkdir(parents=True)
    environment.python.touch()
    (environment.folder / ".installed").write_text(environment_module._wanted())
    return environment
