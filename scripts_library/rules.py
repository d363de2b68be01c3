"""The numbers and words of choosing, in one place; a shop may pass its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta, timezone, tzinfo

SHOP_TIME = timezone(timedelta(hours=8), "Asia/Shanghai")

STAGE_LABELS: Mapping[str, str] = {
    "icebreak": "破冰",
    "discover": "需求挖掘",
    "objection": "异议处理",
    "closing": "促单",
    "won": "成交",
    "repurchase": "复购",
    "dormant": "沉睡",
}

STAGE_NEIGHBOURS: Mapping[str, tuple[str, ...]] = {
    "icebreak": ("discover",),
    "discover": ("icebreak", "objection"),
    "objection": ("discover", "closing"),
    "closing": ("objection", "won"),
    "won": ("closing", "repurchase"),
    "repurchase": ("won", "discover"),
    "dormant": ("icebreak", "repurchase"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoosingRules:
    """How much each fact counts. Factors multiply the odds: 1 is neutral, 2 doubles them."""

    intent_labels: Mapping[str, str] = field(default_factory=dict)
    stage_labels: Mapping[str, str] = field(default_factory=lambda: STAGE_LABELS)
    stage_neighbours: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: STAGE_NEIGHBOURS
    )
    shop_time: tzinfo = SHOP_TIME

    second_intent: float = 0.6
    second_intent_floor: float = 0.1
    want_floor: float = 0.4
    fallback_base: float = 0.2
    fallback_when_below: float = 0.5
    unclear_base: float = 0.5

    exact_stage: float = 1.5
    any_stage: float = 1.0
    neighbour_stage: float = 0.6
    far_stage: float = 0.2

    matching_product: float = 1.6
    other_product: float = 0.15
    unknown_product: float = 0.4
    matching_customer: float = 1.4
    other_customer: float = 0.4
    matching_channel: float = 1.3
    other_channel: float = 0.5
    matching_tone: float = 1.15

    repeat_days: float = 30.0
    repeat_half_life_days: float = 4.0
    repeat_penalty: float = 0.9
    history_strength: float = 3.0
    weight_strength: float = 0.5

    def intent_label(self, intent: str) -> str:
        return self.intent_labels.get(intent, intent)

    def stage_label(self, stage: str) -> str:
        return self.stage_labels.get(stage, stage)


DEFAULT_RULES = ChoosingRules()
