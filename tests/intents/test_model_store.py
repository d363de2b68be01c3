from __future__ import annotations

import os
from pathlib import Path

import pytest

from intents.builtin import model_store
from intents.builtin.model import BuiltinModel
from intents.builtin.model_store import (
    data_hash,
    load_model,
    load_or_train,
    model_path,
    save_model,
)
from intents.errors import ModelError, TrainingFailed


def test_what_is_saved_is_loaded(model: BuiltinModel, tmp_path: Path) -> None:
    path = tmp_path / "var" / "m.nlu"
    save_model(model, path)
    loaded = load_model(path)
    assert loaded.labels == model.labels
    assert loaded.calibration == model.calibration
    assert loaded.gazetteer == model.gazetteer
    for text in ("这个多少钱", "太贵了", "没见过的话"):
        assert loaded.ranking(loaded.guess(text), 3) == model.ranking(model.guess(text), 3)
    assert [one.name for one in path.parent.iterdir()] == ["m.nlu"]


@pytest.mark.parametrize("damage", ["cut", "flip", "foreign", "empty", "version", "garbage"])
def test_a_damaged_model_is_refused(model: BuiltinModel, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "m.nlu"
    save_model(model, path)
    good = path.read_bytes()
    path.write_bytes(
        {
            "cut": good[:-100],
            "flip": good[:-100] + bytes([good[-100] ^ 1]) + good[-99:],
            "foreign": good.replace(b"wecom-nlu-builtin", b"another-nlu-thing", 1),
            "empty": b"",
            "version": good.replace(b'"version": ', b'"version": 9', 1),
            "garbage": os.urandom(2000),
        }[damage]
    )
    with pytest.raises(ModelError, match="wecom-bot train") as caught:
        load_model(path)
    assert "m.nlu" in str(caught.value)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="模型读不到"):
        load_model(tmp_path / "none.nlu")


def test_the_first_start_trains_and_the_second_loads(
    sources: tuple[Path, ...], tmp_path: Path
) -> None:
    first = load_or_train(tmp_path, sources=sources)
    (path,) = tmp_path.glob("*.nlu")
    written = path.stat().st_mtime_ns
    second = load_or_train(tmp_path, sources=sources)
    assert path.stat().st_mtime_ns == written
    assert first.data_hash == second.data_hash == data_hash(sources)


def test_a_broken_model_is_trained_anew(sources: tuple[Path, ...], tmp_path: Path) -> None:
    path = model_path(tmp_path, data_hash(sources))
    path.write_bytes(b"broken")
    load_or_train(tmp_path, sources=sources)
    assert load_model(path).data_hash == data_hash(sources)


def test_failed_training_leaves_the_old_model(
    sources: tuple[Path, ...], model: BuiltinModel, tmp_path: Path
) -> None:
    old = tmp_path / "builtin-old.nlu"
    save_model(model, old)
    bad = tmp_path / "bad.yml"
    bad.write_text("version: '3.1'\nnlu:\n- intent: nope\n  examples: |\n    - 好\n", "utf-8")
    with pytest.raises(TrainingFailed, match="nope 不在意图表里"):
        load_or_train(tmp_path, sources=[*sources, bad])
    assert load_model(old).labels == model.labels


def test_other_data_means_another_model(sources: tuple[Path, ...]) -> None:
    assert data_hash(sources) != data_hash(sources[:1])
    assert data_hash(sources) == data_hash(list(sources))


def test_old_models_are_cleared_but_the_last(
    sources: tuple[Path, ...], model: BuiltinModel, tmp_path: Path
) -> None:
    for age, name in enumerate(("builtin-a.nlu", "builtin-b.nlu", "builtin-c.nlu")):
        save_model(model, tmp_path / name)
        os.utime(tmp_path / name, (1000 + age, 1000 + age))
    load_or_train(tmp_path, sources=sources)
    kept = {path.name for path in tmp_path.glob("*.nlu")}
    assert kept == {"builtin-c.nlu", model_path(tmp_path, data_hash(sources)).name}
    assert model_store.VERSION >= 1
