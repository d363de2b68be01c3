from __future__ import annotations

from intents.builtin.cross_validation import cross_validate, suspects
from intents.training_data import Example, TrainingData


def test_every_example_is_judged_by_strangers_to_it(shop_data: TrainingData) -> None:
    report = cross_validate(shop_data, folds=3)
    assert len(report.verdicts) == len(shop_data.examples)
    assert 0.2 < report.accuracy < 1.0
    assert report.out_of_scope_auroc is not None


def test_a_wrong_label_stands_out(shop_data: TrainingData) -> None:
    wrong = Example("多少钱一件呢 价格多少", "greet")
    data = TrainingData((*shop_data.examples, wrong))
    assert "多少钱一件呢 价格多少" in [one.text for one in suspects(data, below=0.2, folds=3)]
