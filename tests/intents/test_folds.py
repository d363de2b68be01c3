from __future__ import annotations

from intents.builtin.folds import grouped_folds, near_duplicate_groups

TEXTS = [
    "什么时候可以发货呢",
    "什么时候可以发货呀",
    "请问什么时候可以发货呢",
    "这个羽绒服多少钱一件",
    "这个羽绒服多少钱一件呀",
    "能不能便宜一点",
    "我要转人工客服",
    "有没有优惠券可以领",
]


def test_paraphrases_share_a_group() -> None:
    groups = near_duplicate_groups([*TEXTS, *(f"{n}无关的话{n * 7}" for n in range(200, 240))])
    assert groups[0] == groups[1] == groups[2]
    assert groups[3] == groups[4]
    assert len(set(groups[:8])) == 5


def test_groups_stay_whole_and_folds_are_even() -> None:
    labels = ["a", "b"] * 30
    groups = near_duplicate_groups([f"第{n // 2}句完全不同{n // 2 * 13}" for n in range(60)])
    folds = grouped_folds(labels, groups, 3)
    for group in set(groups):
        assert len({fold for fold, own in zip(folds, groups, strict=True) if own == group}) == 1
    sizes = [list(folds).count(fold) for fold in range(3)]
    assert max(sizes) - min(sizes) <= 4
