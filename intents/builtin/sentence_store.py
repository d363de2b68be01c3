"""Makes and keeps the sentence memory; embeddings are cached, for they are the slow part."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from intents.builtin.container import Container, damaged, read_container, write_container
from intents.builtin.linear import Floats
from intents.builtin.model_store import data_hash
from intents.builtin.sentences import Embed, SentenceMemory
from intents.errors import ModelError
from intents.language import Script, script_of
from intents.normalize import normal_text
from intents.taxonomy import OUT_OF_SCOPE, load_taxonomy
from intents.training_data import load_training_data

_MEMORY, _CACHE = "wecom-nlu-sentences", "wecom-nlu-embeddings"
_VERSION = 1
_DIMENSIONS = 128
_AT_ONCE = 256
_INT8 = 127
Progress = Callable[[int, int], None]


def load_or_embed(
    folder: Path,
    embed: Embed,
    *,
    sources: Iterable[Path] | None = None,
    progress: Progress | None = None,
) -> SentenceMemory:
    """The memory for these sources, made when missing: minutes the first time, then seconds.

    Blocking; run it in a thread and hand the result to the engine when it is there.
    """
    paths = None if sources is None else tuple(sources)
    fingerprint = data_hash(paths)
    path = folder / "sentences.nlu"
    try:
        known = load_memory(path)
    except ModelError:
        known = None
    if known is not None and known.fingerprint == fingerprint:
        return known
    texts, targets, labels = _sentences(paths)
    vectors = _embedded(folder / "embeddings.nlu", texts, embed, progress)
    memory = remember(vectors, targets, labels, fingerprint=fingerprint)
    save_memory(memory, path)
    return load_memory(path)


def load_ready(folder: Path, sources: Iterable[Path] | None = None) -> SentenceMemory | None:
    """The memory if it was made from exactly these sources before; never embeds anything."""
    try:
        memory = load_memory(folder / "sentences.nlu")
    except ModelError:
        return None
    return memory if memory.fingerprint == data_hash(sources) else None


def remember(
    vectors: Floats, targets: npt.NDArray[np.intp], labels: int, *, fingerprint: str = ""
) -> SentenceMemory:
    """Centre, keep the strongest directions, scale to length one."""
    mean = vectors.mean(axis=0)
    centred = vectors - mean
    _, directions = np.linalg.eigh(centred.T @ centred)
    projection = np.ascontiguousarray(directions[:, ::-1][:, :_DIMENSIONS], dtype=np.float32)
    short = centred @ projection
    short /= np.maximum(np.linalg.norm(short, axis=1, keepdims=True), 1e-9)
    return SentenceMemory(mean, projection, short, targets, labels, fingerprint)


def save_memory(memory: SentenceMemory, path: Path) -> None:
    """One byte a number is enough for neighbours."""
    scale = float(np.abs(memory.vectors).max()) / _INT8
    arrays: dict[str, npt.NDArray[Any]] = {
        "mean": memory.mean,
        "projection": memory.projection,
        "vectors": np.round(memory.vectors / scale).astype(np.int8),
        "targets": memory.targets.astype(np.uint16),
    }
    known = {"scale": scale, "labels": memory.labels}
    content = Container(memory.fingerprint, known, arrays)
    write_container(path, content, kind=_MEMORY, version=_VERSION)


def load_memory(path: Path) -> SentenceMemory:
    """Read a memory; raises ModelError when anything about the file is not as written."""
    content = read_container(path, kind=_MEMORY, version=_VERSION)
    try:
        arrays, known = content.arrays, content.known
        vectors = arrays["vectors"].astype(np.float32) * float(known["scale"])
        targets = arrays["targets"].astype(np.intp)
        if len(vectors) != len(targets) or targets.max(initial=0) >= known["labels"]:
            raise damaged(path)
        return SentenceMemory(
            mean=arrays["mean"],
            projection=arrays["projection"],
            vectors=vectors,
            targets=targets,
            labels=int(known["labels"]),
            fingerprint=content.fingerprint,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(path) from error


def _sentences(
    paths: tuple[Path, ...] | None,
) -> tuple[list[str], npt.NDArray[np.intp], int]:
    taxonomy = load_taxonomy()
    number = {name: i for i, name in enumerate((*taxonomy.names, OUT_OF_SCOPE))}
    rows = [
        (normal_text(example.text), number[example.intent])
        for example in load_training_data(paths, taxonomy).examples
    ]
    rows = [row for row in rows if script_of(row[0]) is Script.CHINESE]
    return [text for text, _ in rows], np.array([target for _, target in rows]), len(number)


def _embedded(
    cache: Path, texts: Sequence[str], embed: Embed, progress: Progress | None
) -> Floats:
    known = _cached(cache)
    missing = sorted({text for text in texts if _key(text) not in known})
    for start in range(0, len(missing), _AT_ONCE):
        batch = missing[start : start + _AT_ONCE]
        known.update(zip(map(_key, batch), embed(batch).astype(np.float16), strict=True))
        if progress is not None:
            progress(start + len(batch), len(missing))
    if missing:
        keys = sorted({_key(text) for text in texts})
        vectors = np.stack([known[key] for key in keys])
        write_container(
            cache, Container("", keys, {"vectors": vectors}), kind=_CACHE, version=_VERSION
        )
    return np.stack([known[_key(text)] for text in texts]).astype(np.float32)


def _cached(path: Path) -> dict[str, npt.NDArray[np.float16]]:
    try:
        content = read_container(path, kind=_CACHE, version=_VERSION)
        return dict(zip(content.known, content.arrays["vectors"], strict=True))
    except (ModelError, KeyError, ValueError, TypeError):
        return {}


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]
