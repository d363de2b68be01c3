"""One file of plain arrays with a checksum: what models are kept in."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from intents.errors import ModelError

_KNOWN = "known"
_MEND = "请运行 wecom-bot train 重新训练"


@dataclass(frozen=True, slots=True)
class Container:
    """Arrays and a JSON value beside them; `fingerprint` says what they were made from."""

    fingerprint: str
    known: Any
    arrays: Mapping[str, npt.NDArray[Any]]


def write_container(path: Path, content: Container, *, kind: str, version: int) -> None:
    """Write beside the target, then replace it in one step, so that no reader sees half a file."""
    payload = _payload(content)
    header = {
        "format": kind,
        "version": version,
        "data_hash": content.fingerprint,
        "sha256": hashlib.sha256(payload).hexdigest(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".nlu-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(header).encode() + b"\n" + payload)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_container(path: Path, *, kind: str, version: int) -> Container:
    """Read and check a file; raises ModelError when anything about it is not as written."""
    try:
        first, _, payload = path.read_bytes().partition(b"\n")
        header = json.loads(first)
        _check(header, payload, path, kind, version)
        with np.load(io.BytesIO(payload), allow_pickle=False) as loaded:
            arrays = dict(loaded)
        known = json.loads(arrays.pop(_KNOWN).tobytes())
        return Container(str(header["data_hash"]), known, arrays)
    except OSError as error:
        raise ModelError(f"{path}: 模型读不到。{_MEND}") from error
    except (ValueError, KeyError, TypeError, BadZipFile) as error:
        raise damaged(path) from error


def damaged(path: Path) -> ModelError:
    return ModelError(f"{path}: 模型文件已损坏。{_MEND}")


def _payload(content: Container) -> bytes:
    buffer = io.BytesIO()
    text = json.dumps(content.known, ensure_ascii=False).encode()
    arrays = {**content.arrays, _KNOWN: np.frombuffer(text, dtype=np.uint8)}
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _check(header: Any, payload: bytes, path: Path, kind: str, version: int) -> None:
    if not isinstance(header, dict) or header.get("format") != kind:
        raise ModelError(f"{path}: 不是内置引擎的模型。{_MEND}")
    if header.get("version") != version:
        raise ModelError(f"{path}: 模型是别的版本训练的。{_MEND}")
    if hashlib.sha256(payload).hexdigest() != header.get("sha256"):
        raise ModelError(f"{path}: 模型校验不符，可能已损坏或被改动。{_MEND}")
