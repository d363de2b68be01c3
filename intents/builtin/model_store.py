"""Keeps trained models as plain arrays in a folder; never loads what does not check out."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from intents.builtin.container import Container, damaged, read_container, write_container
from intents.builtin.linear import LinearModel, Vocabulary
from intents.builtin.model import BuiltinModel, Calibration
from intents.entities import Gazetteer
from intents.errors import ModelError, TrainingFailed
from intents.taxonomy import DEFAULT_TAXONOMY
from intents.training_data import data_files

FORMAT = "wecom-nlu-builtin"
VERSION = 1
_CODE = (
    "features.py",
    "folds.py",
    "linear.py",
    "model.py",
    "training.py",
    "../entities.py",
    "../language.py",
    "../normalize.py",
    "../training_data.py",
)
_TRAINING_SECONDS = 600


def data_hash(sources: Iterable[Path] | None = None) -> str:
    """Identifies a model by the files it learns from and by the code that reads them."""
    digest = hashlib.sha256(f"{FORMAT} {VERSION}".encode())
    code = [Path(__file__).parent / name for name in _CODE]
    paths = data_files() if sources is None else sources
    for path in (*code, DEFAULT_TAXONOMY, *paths):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def model_path(folder: Path, fingerprint: str) -> Path:
    return folder / f"builtin-{fingerprint}.nlu"


def save_model(model: BuiltinModel, path: Path) -> None:
    """Replace the file in one step."""
    known = {
        "labels": model.labels,
        "vocabulary": list(model.linear.vocabulary.index),
        "calibration": asdict(model.calibration),
        "gazetteer": asdict(model.gazetteer),
    }
    arrays: dict[str, npt.NDArray[Any]] = {
        "idf": model.linear.vocabulary.idf,
        "weights": model.linear.weights,
        "bias": model.linear.bias,
    }
    content = Container(model.data_hash, known, arrays)
    write_container(path, content, kind=FORMAT, version=VERSION)


def load_model(path: Path) -> BuiltinModel:
    """Read a model; raises ModelError when anything about the file is not as written."""
    content = read_container(path, kind=FORMAT, version=VERSION)
    try:
        return _unpack(content)
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(path) from error


def load_or_train(
    folder: Path, *, sources: Iterable[Path] | None = None, force: bool = False
) -> BuiltinModel:
    """The model for these sources: from the folder if it is there and sound, else a new one.

    Training runs in a process of its own, so that the caller's memory stays small. Blocking;
    call it from a thread when an event loop is running.
    """
    paths = tuple(data_files() if sources is None else sources)
    path = model_path(folder, data_hash(paths))
    if not force:
        try:
            return load_model(path)
        except ModelError:
            pass
    _train_apart(paths, path)
    model = load_model(path)
    _forget_others(folder, path)
    return model


def _train_apart(sources: tuple[Path, ...], target: Path) -> None:
    command = [sys.executable, "-m", "intents.builtin", str(target), *map(str, sources)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        done = subprocess.run(  # noqa: S603
            command, env=environment, capture_output=True, timeout=_TRAINING_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TrainingFailed(f"训练超过 {_TRAINING_SECONDS} 秒，已停止；旧模型继续使用") from error
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise TrainingFailed(lines[-1] if lines else "训练没有成功；旧模型继续使用")


def _forget_others(folder: Path, kept: Path, spare: int = 1) -> None:
    others = [path for path in folder.glob("builtin-*.nlu") if path != kept]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[spare:]:
        path.unlink(missing_ok=True)


def _unpack(content: Container) -> BuiltinModel:
    known, arrays = content.known, content.arrays
    idf, weights, bias = arrays["idf"], arrays["weights"], arrays["bias"]
    names, labels = known["vocabulary"], tuple(known["labels"])
    if weights.shape != (len(names), len(labels)) or bias.shape != (len(labels),):
        raise ValueError("the arrays do not fit together")
    if idf.shape != (len(names),) or not np.isfinite(weights).all():
        raise ValueError("the arrays do not fit together")
    calibration, gazetteer = known["calibration"], known["gazetteer"]
    vocabulary = Vocabulary({name: i for i, name in enumerate(names)}, idf)
    return BuiltinModel(
        labels=labels,
        linear=LinearModel(vocabulary, weights, bias),
        calibration=Calibration(
            temperature=calibration["temperature"],
            stranger_weights=tuple(calibration["stranger_weights"]),
            refuse_from=calibration["refuse_from"],
        ),
        gazetteer=Gazetteer(
            phrases=tuple(
                (entity, phrase, value) for entity, phrase, value in gazetteer["phrases"]
            ),
            patterns=tuple((entity, pattern) for entity, pattern in gazetteer["patterns"]),
            synonyms=gazetteer["synonyms"],
        ),
        data_hash=content.fingerprint,
    )
