"""Whether one person belongs to a segment, told from what is known: no query, no round trip."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.customers.segments import About, Condition, Group, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What conditions look at; `tags` by name, `spoke_at` when the customer last wrote."""

    stage: str
    tags: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    opted_out: bool = False
    spoke_at: datetime | None = None


def belongs(rule: Rule, facts: Facts, *, now: datetime) -> bool:
    """The answer that `segments.holds` gives of a stored customer with these facts."""
    groups = rule.completed().groups
    return _joined((_group(one, facts, now) for one in groups), every=rule.every) or not groups


def _group(group: Group, facts: Facts, now: datetime) -> bool:
    parts = [_condition(one, facts, now) != one.negate for one in group.conditions]
    parts += [_group(one, facts, now) for one in group.groups]
    return _joined(parts, every=group.every) != group.negate


def _joined(parts: Iterable[bool], *, every: bool) -> bool:
    return all(parts) if every else any(parts)


def _condition(one: Condition, facts: Facts, now: datetime) -> bool:
    match one.about:
        case About.STAGE:
            return facts.stage == one.value
        case About.TAG:
            return one.value in facts.tags
        case About.CHANNEL:
            return one.value in facts.channels
        case About.OPTED_OUT:
            return facts.opted_out
        case About.QUIET:
            edge = now - timedelta(days=int(one.value))
            return facts.spoke_at is None or facts.spoke_at < edge
