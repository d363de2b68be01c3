"""How well one script fits a situation: factors on the odds, each with its reason."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta

from .learning import ScriptStats, exploration_bonus, smoothed_rate
from .model import Script
from .rules import ChoosingRules
from .situation import Situation


@dataclass(frozen=True, slots=True)
class Factor:
    """One fact about a script: what it does to the odds, and how a guide reads it."""

    value: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Relevance:
    """Why a script is looked at: the probability that it answers, and the reason."""

    base: float
    reason: str
    intent: str | None = None
    wanted: bool = False
    guess: bool = False


def score_of(relevance: Relevance, factors: Collection[Factor]) -> float:
    """Probability with all factors applied, between 0 and 1."""
    base = min(max(relevance.base, 0.001), 0.995)
    odds = base / (1 - base)
    for factor in factors:
        odds *= factor.value
    return round(odds / (1 + odds), 6)


def factors_of(
    script: Script,
    situation: Situation,
    rules: ChoosingRules,
    stats: ScriptStats | None,
    *,
    exploring: bool,
) -> tuple[Factor, ...]:
    """Every fact that counts for or against the script; `exploring` favours untried ones."""
    return (
        stage_factor(script, situation, rules),
        *_tag_factors(script, situation, rules),
        *_freshness(script, situation, rules),
        *_history(stats, rules, exploring=exploring),
        *_operator_weight(script, rules),
    )


def stage_factor(script: Script, situation: Situation, rules: ChoosingRules) -> Factor:
    if not script.stages or situation.stage is None:
        return Factor(rules.any_stage)
    if situation.stage in script.stages:
        return Factor(rules.exact_stage, f"阶段匹配：{rules.stage_label(situation.stage)}")
    label = "、".join(rules.stage_label(stage) for stage in script.stages)
    if is_neighbour(script, situation, rules):
        return Factor(rules.neighbour_stage, f"相邻阶段：{label}")
    return Factor(rules.far_stage, f"阶段不同：用于{label}，请留意语气")


def is_neighbour(script: Script, situation: Situation, rules: ChoosingRules) -> bool:
    near = rules.stage_neighbours.get(situation.stage or "", ())
    return any(stage in near for stage in script.stages)


def is_far(script: Script, situation: Situation, rules: ChoosingRules) -> bool:
    """Whether the script was written for other stages than this one and its neighbours."""
    if not script.stages or situation.stage is None or situation.stage in script.stages:
        return False
    return not is_neighbour(script, situation, rules)


def _tag_factors(script: Script, situation: Situation, rules: ChoosingRules) -> Iterator[Factor]:
    tags = script.tags
    if tags.product:
        yield _product_factor(tags.product, situation.products, rules)
    if tags.customer:
        shared = [tag for tag in tags.customer if tag in situation.customer_tags]
        if shared:
            yield Factor(rules.matching_customer, f"客户标签匹配：{'、'.join(shared)}")
        else:
            yield Factor(rules.other_customer, f"写给{'、'.join(tags.customer)}客户，降权")
    if tags.channel:
        if situation.channel in tags.channel:
            yield Factor(rules.matching_channel, f"渠道匹配：{situation.channel}")
        else:
            yield Factor(rules.other_channel, f"写给{'、'.join(tags.channel)}来的客户，降权")
    if situation.tone is not None and situation.tone in tags.tone:
        yield Factor(rules.matching_tone, f"语气匹配：{situation.tone}")


def _product_factor(
    tagged: tuple[str, ...], asked: tuple[str, ...], rules: ChoosingRules
) -> Factor:
    label = "、".join(tagged)
    if not asked:
        return Factor(rules.unknown_product, f"只适合{label}，还不知道客户问的商品，降权")
    shared = [tag for tag in tagged if any(tag in name or name in tag for name in asked)]
    if shared:
        return Factor(rules.matching_product, f"商品匹配：{'、'.join(shared)}")
    return Factor(rules.other_product, f"商品不同：用于{label}，降权")


def _freshness(script: Script, situation: Situation, rules: ChoosingRules) -> Iterator[Factor]:
    sent = situation.recently_sent.get(script.id)
    if sent is None:
        return
    days = max(0.0, (situation.now - sent) / timedelta(days=1))
    if days > rules.repeat_days:
        return
    fading = 0.5 ** (days / rules.repeat_half_life_days)
    yield Factor(1 - rules.repeat_penalty * fading, f"{_span(days)}发过，降权")


def _span(days: float) -> str:
    for limit, words in ((1, "近 1 天"), (3, "近 3 天"), (7, "近 7 天"), (14, "近 14 天")):
        if days <= limit:
            return words
    return "近 30 天"


def _history(
    stats: ScriptStats | None, rules: ChoosingRules, *, exploring: bool
) -> Iterator[Factor]:
    if stats is None and not exploring:
        return
    stats = stats or ScriptStats()
    if stats.adoption is not None:
        words = f"历史采纳率 {stats.adoption:.0%}（{stats.trials} 次）"
        if stats.reply_rate is not None:
            words += f"，客户回复率 {stats.reply_rate:.0%}"
        yield Factor((0.5 + smoothed_rate(stats)) ** rules.history_strength, words)
    bonus = exploration_bonus(stats.trials)
    if exploring and bonus > 1:
        yield Factor(bonus, f"新话术（用过 {stats.trials} 次），稍加权以便比较")


def _operator_weight(script: Script, rules: ChoosingRules) -> Iterator[Factor]:
    if script.weight != 1.0:
        words = "运营加权" if script.weight > 1 else "运营降权"
        yield Factor(script.weight**rules.weight_strength, f"{words} ×{script.weight:g}")
