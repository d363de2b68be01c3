"""The virtual environment that Rasa lives in, apart from ours because it needs Python 3.10."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from intents.errors import NluError

_HERE = Path(__file__).parent
COMPONENTS = _HERE / "components"
_LOCK = _HERE / "requirements.lock"
_REQUIREMENTS = _HERE / "requirements.txt"
_STAMP = ".installed"
_CHECK = "import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 10))"
_CHECK_SECONDS = 20
_INSTALL_SECONDS = 3600


class RasaMissing(NluError):
    """Rasa's environment cannot be made or is not there; the message says how to mend it."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A folder with Rasa installed, or to be installed."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def usable(self) -> bool:
        """Whether what the requirements ask for is installed."""
        stamp = self.folder / _STAMP
        return self.python.exists() and stamp.exists() and stamp.read_text() == _wanted()

    def install(self, say: Callable[[str], None]) -> None:
        """Make the environment, or leave it alone when it is as wanted."""
        if not self.usable:
            self._make(say)
            (self.folder / _STAMP).write_text(_wanted())
        self._link(_HERE.parent, "intents")
        self._link(COMPONENTS / "shop_nlu", "shop_nlu")

    def variables(self) -> dict[str, str]:
        """What the environment of a Rasa process has in addition to ours."""
        inherited = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
        quiet = {
            "RASA_TELEMETRY_ENABLED": "false",
            "RASA_MAX_CACHE_SIZE": "0",
            "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "PYTHONWARNINGS": "ignore",
        }
        threads = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
        return {**threads, **inherited, **quiet}

    def _make(self, say: Callable[[str], None]) -> None:
        base = find_python()
        say(f"用 {base} 建 {self.folder}，安装 Rasa（下载约 0.7 GB，占盘约 2.5 GB，几分钟）")
        _run([str(base), "-m", "venv", "--clear", str(self.folder)])
        locked = sys.platform == "linux" and platform.machine() == "x86_64"
        chosen = ["--require-hashes", "-r", str(_LOCK)] if locked else ["-r", str(_REQUIREMENTS)]
        uv = _uv()
        if uv:
            _run([uv, "pip", "install", "--quiet", "--python", str(self.python), *chosen])
        else:
            _run([str(self.python), "-m", "pip", "install", "--quiet", *chosen])

    def _link(self, target: Path, name: str) -> None:
        """Let Rasa's Python see one package of ours and nothing else of our environment."""
        link = self.folder / "lib" / "python3.10" / "site-packages" / name
        if link.is_symlink() and link.resolve() == target.resolve():
            return
        link.unlink(missing_ok=True)
        link.symlink_to(target.resolve(), target_is_directory=True)


def find_python() -> Path:
    """A Python 3.10 that runs: RASA_PYTHON, the PATH, pyenv, uv; RasaMissing if there is none."""
    for candidate in _candidates():
        if _runs(candidate):
            return candidate
    raise RasaMissing(
        "找不到能用的 Python 3.10（Rasa 3.6 只支持到 3.10）。请装一个：uv python install 3.10，"
        "或 pyenv install 3.10；也可用 RASA_PYTHON=/路径/python3.10 指给我，再运行一次"
    )


def _candidates() -> Iterator[Path]:
    named = os.environ.get("RASA_PYTHON")
    if named:
        yield Path(named)
        return
    on_path = shutil.which("python3.10")
    if on_path:
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob("versions/3.10*/bin/python3.10"), reverse=True)
    uv = _uv()
    if uv:
        found = _output([uv, "python", "find", "--no-project", "3.10"])
        if found:
            yield Path(found)


def _runs(python: Path) -> bool:
    return _output([str(python), "-c", f"{_CHECK}"]) is not None


def _output(command: list[str]) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=_CHECK_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _uv() -> str | None:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else shutil.which("uv")


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, timeout=_INSTALL_SECONDS, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise RasaMissing(
            f"装 Rasa 没有成功（{error}）。请看上面的输出，检查网络和磁盘空间后再运行一次"
        ) from error


def _wanted() -> str:
    parts = [path.read_bytes() for path in (_LOCK, _REQUIREMENTS)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
