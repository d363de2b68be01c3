from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from intents.builtin.engine import BuiltinEngine
from intents.builtin.model import BuiltinModel
from intents.builtin.sentence_store import load_memory, load_or_embed, load_ready, remember
from intents.builtin.sentences import SentenceBranch
from intents.errors import ModelError
from intents.taxonomy import load_taxonomy

WIDTH = 256
LABELS = len(load_taxonomy()) + 1


class Characters:
    """A sentence model for tests: which characters a text has."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.asked += texts
        vectors = np.zeros((len(texts), WIDTH), dtype=np.float32)
        for row, text in enumerate(texts):
            for char in text:
                vectors[row, ord(char) % WIDTH] += 1
        return vectors


@pytest.fixture
def embed() -> Characters:
    return Characters()


def test_the_memory_is_made_once(
    sources: tuple[Path, ...], tmp_path: Path, embed: Characters
) -> None:
    steps: list[tuple[int, int]] = []
    assert load_ready(tmp_path, sources) is None
    made = load_or_embed(
        tmp_path, embed, sources=sources, progress=lambda done, of: steps.append((done, of))
    )
    assert steps[-1][0] == steps[-1][1] == len(embed.asked)
    embed.asked.clear()
    again = load_or_embed(tmp_path, embed, sources=sources)
    ready = load_ready(tmp_path, sources)
    assert embed.asked == []
    assert ready is not None
    assert np.array_equal(again.vectors, made.vectors)
    assert np.array_equal(ready.targets, made.targets)


def test_only_new_sentences_are_embedded(
    sources: tuple[Path, ...], tmp_path: Path, embed: Characters
) -> None:
    load_or_embed(tmp_path, embed, sources=sources)
    embed.asked.clear()
    more = tmp_path / "more.yml"
    more.write_text(
        "version: '3.1'\nnlu:\n- intent: bargain\n  examples: |\n    - 便宜点呗\n", "utf-8"
    )
    load_or_embed(tmp_path, embed, sources=[*sources, more])
    assert embed.asked == ["便宜点呗"]


def test_a_broken_memory_is_refused_and_made_anew(
    sources: tuple[Path, ...], tmp_path: Path, embed: Characters
) -> None:
    load_or_embed(tmp_path, embed, sources=sources)
    path = tmp_path / "sentences.nlu"
    path.write_bytes(path.read_bytes()[:-9])
    (tmp_path / "embeddings.nlu").write_bytes(b"broken")
    with pytest.raises(ModelError):
        load_memory(path)
    assert load_or_embed(tmp_path, embed, sources=sources).labels == LABELS


def test_neighbours_vote(embed: Characters) -> None:
    texts = ["什么时候发货", "什么时候发", "多少钱", "多少钱一件"]
    memory = remember(embed(texts), np.array([0, 0, 1, 1]), 3)
    shares = memory.vote(embed(["什么时候发货呢"])[0])
    assert shares.sum() == pytest.approx(1.0)
    assert shares.argmax() == 0
    assert shares[2] == 0.0


async def test_only_unsure_messages_are_asked_twice(
    model: BuiltinModel, sources: tuple[Path, ...], tmp_path: Path, embed: Characters
) -> None:
    memory = load_or_embed(tmp_path, embed, sources=sources)
    embed.asked.clear()
    engine = BuiltinEngine(model)
    engine.sentences = SentenceBranch(memory, embed, ask_below=0.0)
    await engine.understand("什么时候发货")
    assert embed.asked == []
    engine.sentences = SentenceBranch(memory, embed, ask_below=1.0)
    first = await engine.understand("啥时候发的货呀")
    again = await engine.understand("啥时候发的货呀")
    assert embed.asked == ["啥时候发的货呀"]
    assert first == again
    assert first.intent == "ask_shipping_time"
    await engine.understand("😂")
    assert len(embed.asked) == 1
