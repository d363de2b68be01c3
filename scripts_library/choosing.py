"""Choosing: from a situation to at most a few rendered scripts, each with its reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from .errors import RenderingError
from .index import Indexed, ScriptIndex
from .learning import TRUSTED_TRIALS, ScriptStats
from .model import OCCASION_LABELS, WORDLESS, Occasion, Script
from .rendering import render_script, rendered_text
from .rules import DEFAULT_RULES, ChoosingRules
from .scoring import Factor, Relevance, factors_of, is_far, score_of
from .situation import Choice, Situation
from .variables import has_value


@dataclass(frozen=True, slots=True)
class _Candidate:
    script: Script
    relevance: Relevance
    factors: tuple[Factor, ...]
    score: float
    far: bool

    @property
    def order(self) -> tuple[float, str]:
        return -self.score, self.script.id

    @property
    def auto(self) -> bool:
        """A guess, or words meant for quite another stage, never go out by themselves."""
        return self.script.auto and not self.far and not self.relevance.guess


def choose(
    scripts: ScriptIndex | Iterable[Script],
    situation: Situation,
    *,
    limit: int = 3,
    stats: Mapping[str, ScriptStats] | None = None,
    rules: ChoosingRules = DEFAULT_RULES,
) -> list[Choice]:
    """The best scripts for the situation, best first; the same input gives the same output.

    Only scripts that are valid today and whose variables all have values or fallbacks are
    returned. A message that was not understood gets clarifying scripts only. Empty: no script.
    """
    index = scripts if isinstance(scripts, ScriptIndex) else ScriptIndex(scripts)
    candidates = _Choosing(index, situation, stats or {}, rules).ranked()
    return list(_rendered(candidates, situation, limit))


def obstacles(
    script: Script, situation: Situation, rules: ChoosingRules = DEFAULT_RULES
) -> tuple[str, ...]:
    """Why the script cannot be sent in this situation at all, in Chinese; empty: it can."""
    indexed = next(iter(ScriptIndex([script]).for_occasion(script.occasion)))
    return tuple(_obstacles(indexed, situation, rules))


class _Choosing:
    def __init__(
        self,
        index: ScriptIndex,
        situation: Situation,
        stats: Mapping[str, ScriptStats],
        rules: ChoosingRules,
    ) -> None:
        self._index = index
        self._situation = situation
        self._stats = stats
        self._rules = rules

    def ranked(self) -> list[_Candidate]:
        relevant = list(self._relevant())
        exploring = any(self._trials(script) >= TRUSTED_TRIALS for script, _ in relevant)
        candidates = [self._candidate(script, why, exploring) for script, why in relevant]
        return _seated(sorted(candidates, key=lambda candidate: candidate.order))

    def _relevant(self) -> list[tuple[Script, Relevance]]:
        if self._situation.occasion is not Occasion.REPLY:
            return self._on_occasion()
        if not self._situation.understood:
            return self._fallbacks(self._rules.unclear_base, "没有把握听懂，先请客户说明")
        topical = self._topical()
        if topical and self._situation.confidence >= self._rules.fallback_when_below:
            return topical
        reason = "把握不大，也可以先问清楚" if topical else "没有对应的话术，先接住客户"
        return topical + self._fallbacks(self._rules.fallback_base, reason)

    def _topical(self) -> list[tuple[Script, Relevance]]:
        found: dict[str, tuple[Script, Relevance]] = {}
        for intent, relevance in self._intents().items():
            usable = self._usable(self._index.for_intent(intent), strictly=relevance.guess)
            for script in usable:
                found.setdefault(script.id, (script, relevance))
        return list(found.values())

    def _intents(self) -> dict[str, Relevance]:
        """Intents worth answering, the most relevant first, each with its reason."""
        situation, rules = self._situation, self._rules
        top = Relevance(
            situation.confidence,
            f"意图匹配：{self._spoken(situation.intent, situation.confidence)}",
            situation.intent,
        )
        wanted = [
            Relevance(confidence, f"同时在问：{self._spoken(intent, confidence)}", intent, True)
            for intent, confidence in situation.wants
            if confidence >= rules.want_floor
        ]
        further = [
            Relevance(
                confidence * rules.second_intent,
                f"也可能是：{self._spoken(intent, confidence)}",
                intent,
                guess=True,
            )
            for intent, confidence in situation.ranking
            if confidence >= rules.second_intent_floor
        ]
        ordered: dict[str, Relevance] = {}
        for relevance in (top, *wanted, *further):
            if relevance.intent is not None:
                ordered.setdefault(relevance.intent, relevance)
        return ordered

    def _spoken(self, intent: str, confidence: float) -> str:
        return f"{self._rules.intent_label(intent)} ({confidence:.2f})"

    def _fallbacks(self, base: float, reason: str) -> list[tuple[Script, Relevance]]:
        usable = self._usable(self._index.for_occasion(Occasion.UNCLEAR))
        return [(script, Relevance(base, reason)) for script in usable]

    def _on_occasion(self) -> list[tuple[Script, Relevance]]:
        occasion, base = self._situation.occasion, self._rules.unclear_base
        found = self._for_occasion(occasion, base)
        if occasion in WORDLESS:
            found += self._for_occasion(Occasion.MEDIA, base * self._rules.second_intent)
        return found

    def _for_occasion(self, occasion: Occasion, base: float) -> list[tuple[Script, Relevance]]:
        relevance = Relevance(base, f"场合匹配：{OCCASION_LABELS[occasion]}")
        return [(s, relevance) for s in self._usable(self._index.for_occasion(occasion))]

    def _usable(self, scripts: Iterable[Indexed], *, strictly: bool = False) -> list[Script]:
        """Scripts without obstacles; unless `strictly`, for far-off stages when no other is."""
        usable = [
            indexed.script
            for indexed in scripts
            if next(_obstacles(indexed, self._situation, self._rules), None) is None
        ]
        near = [s for s in usable if not is_far(s, self._situation, self._rules)]
        return near if near or strictly else usable

    def _candidate(self, script: Script, relevance: Relevance, exploring: bool) -> _Candidate:
        stats = self._stats.get(script.id)
        factors = factors_of(script, self._situation, self._rules, stats, exploring=exploring)
        far = is_far(script, self._situation, self._rules)
        return _Candidate(script, relevance, factors, score_of(relevance, factors), far)

    def _trials(self, script: Script) -> int:
        stats = self._stats.get(script.id)
        return stats.trials if stats is not None else 0


def _obstacles(indexed: Indexed, situation: Situation, rules: ChoosingRules) -> Iterator[str]:
    valid = indexed.script.valid
    if not valid.covers(situation.now.astimezone(rules.shop_time).date()):
        yield f"不在有效期（{valid.first or '不限'} 至 {valid.last or '不限'}）"
    missing = [
        name for name in sorted(indexed.required) if not has_value(situation.variables.get(name))
    ]
    if missing:
        yield f"缺少变量：{'、'.join(missing)}"


def _seated(candidates: list[_Candidate]) -> list[_Candidate]:
    """The best of each further want moves up to second, third … so that none is forgotten."""
    if not candidates:
        return []
    leaders: dict[str | None, _Candidate] = {}
    for candidate in candidates:
        if candidate.relevance.wanted:
            leaders.setdefault(candidate.relevance.intent, candidate)
    seats = [candidates[0], *(c for c in leaders.values() if c is not candidates[0])]
    taken = {candidate.script.id for candidate in seats}
    return [*seats, *(c for c in candidates if c.script.id not in taken)]


def _rendered(
    candidates: Iterable[_Candidate], situation: Situation, limit: int
) -> Iterator[Choice]:
    said: set[str] = set()
    for candidate in candidates:
        if len(said) >= limit:
            return
        try:
            parts = render_script(candidate.script, situation.variables)
        except RenderingError:
            continue
        if (content := repr(parts)) in said:
            continue
        said.add(content)
        yield Choice(
            script_id=candidate.script.id,
            version=candidate.script.version,
            text=rendered_text(parts),
            parts=parts,
            score=candidate.score,
            reasons=_reasons(candidate),
            title=candidate.script.title,
            auto=candidate.auto,
            intent=candidate.relevance.intent,
        )


def _reasons(candidate: _Candidate) -> tuple[str, ...]:
    spoken = (factor.reason for factor in candidate.factors if factor.reason is not None)
    return (candidate.relevance.reason, *spoken)
