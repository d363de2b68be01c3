"""Trains Rasa models under names that say what they were made of, so that nothing runs twice."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from intents.builtin.model_store import data_hash
from intents.errors import TrainingFailed
from intents.rasa.environment import COMPONENTS, Environment, RasaMissing
from intents.rasa.normal_data import normal_yaml
from intents.training_data import data_files, load_training_data

CONFIG = Path(__file__).with_name("config.yml")
DOMAIN = Path(__file__).with_name("domain.yml")
_TRAINING_SECONDS = 3600
_SPARE_MODELS = 2


def model_name(config: Path = CONFIG, sources: Sequence[Path] | None = None) -> str:
    """`nlu-<hash>.tar.gz`; the hash covers data, taxonomy, pipeline and our code inside Rasa."""
    digest = hashlib.sha256(data_hash(sources).encode())
    ours = (Path(__file__).with_name("normal_data.py"), *sorted(COMPONENTS.rglob("*.py")))
    for path in (config, *ours):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return f"nlu-{digest.hexdigest()[:16]}.tar.gz"


def train(
    environment: Environment,
    models: Path,
    *,
    config: Path = CONFIG,
    sources: Sequence[Path] | None = None,
    force: bool = False,
) -> Path:
    """The model for these sources, trained now unless it is there; older ones are tidied away.

    The data is checked first, so a slip is named by file and line; a run that fails leaves
    every model as it was.
    """
    paths = tuple(data_files() if sources is None else sources)
    target = models / model_name(config, paths)
    if target.exists() and not force:
        return target
    if not environment.usable:
        raise RasaMissing("Rasa 还没有装好。请先运行 python -m intents.rasa install")
    data = normal_yaml(load_training_data(paths))
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=models, prefix=".training-") as workshop:
        os.replace(_trained(environment, Path(workshop), config, data), target)
    _forget_older(models, target)
    return target


def _trained(environment: Environment, workshop: Path, config: Path, data: str) -> Path:
    examples = workshop / "nlu.yml"
    examples.write_text(data, encoding="utf-8")
    pipeline = workshop / "config.yml"
    pipeline.write_bytes(config.read_bytes())
    out = workshop / "out"
    command = [
        *(str(environment.python), "-m", "shop_nlu", "train", "nlu"),
        *("--config", str(pipeline), "--domain", str(DOMAIN), "--nlu", str(examples)),
        *("--out", str(out), "--fixed-model-name", "nlu"),
    ]
    _run(command, environment, workshop)
    return out / "nlu.tar.gz"


def _run(command: list[str], environment: Environment, workshop: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603
            command,
            cwd=workshop,
            env=environment.variables(),
            capture_output=True,
            timeout=_TRAINING_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TrainingFailed(
            f"Rasa 训练超过 {_TRAINING_SECONDS} 秒，已停止；旧模型继续使用"
        ) from error
    if done.returncode != 0 or not (workshop / "out" / "nlu.tar.gz").exists():
        lines = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        reason = lines[-1].strip() if lines else f"退出码 {done.returncode}"
        raise TrainingFailed(f"Rasa 训练没有成功；旧模型继续使用。Rasa 说：{reason}")


def _forget_older(models: Path, kept: Path) -> None:
    others = [path for path in models.glob("nlu-*.tar.gz") if path != kept]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[_SPARE_MODELS:]:
        path.unlink(missing_ok=True)
