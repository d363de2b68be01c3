"""The shipped model, trained once for all workers."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def model_folder(
    config: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder for models, kept in pytest's cache if there is one, for one worker at a time."""
    cache = getattr(config, "cache", None)
    folder: Path = cache.mkdir("nlu") if cache else tmp_path_factory.mktemp("nlu")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
