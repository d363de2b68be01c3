from __future__ import annotations

from pathlib import Path

import pytest

from intents.errors import TaxonomyError
from intents.taxonomy import OUT_OF_SCOPE, load_taxonomy


def test_the_shipped_taxonomy_has_all_intents_in_six_groups() -> None:
    taxonomy = load_taxonomy()
    assert len(taxonomy) == 61
    assert len(set(taxonomy.names)) == 61
    assert list(taxonomy.groups) == [
        "social",
        "product",
        "deal",
        "fulfilment",
        "aftersales",
        "private_domain",
    ]
    assert taxonomy["ask_price"].zh == "问价格"
    assert OUT_OF_SCOPE not in taxonomy


def test_every_neighbour_is_an_intent() -> None:
    taxonomy = load_taxonomy()
    for intent in taxonomy:
        assert intent.neighbour is None or intent.neighbour in taxonomy


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("groups: [", "不是合法的 YAML"),
        ("{}", "缺少 groups"),
        ("groups: {a: [{name: x}]}", "不完整"),
        ("groups: {a: [{name: x, zh: 一, means: 二}, {name: x, zh: 一, means: 二}]}", "写了两次"),
    ],
)
def test_a_broken_taxonomy_is_named(tmp_path: Path, content: str, fault: str) -> None:
    path = tmp_path / "intents.yml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(TaxonomyError, match=fault) as caught:
        load_taxonomy(path)
    assert "intents.yml" in str(caught.value)
