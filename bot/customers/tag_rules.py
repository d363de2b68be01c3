"""Rules for automatic tags: conditions over what is known of a customer. Pure, from YAML."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bot.customers.yaml_files import read_yaml_model
from bot.errors import SettingsError

SHIPPED_RULES = Path(__file__).with_name("tag_rules.yml")
HISTORY = timedelta(days=365)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class When(_Strict):
    """All conditions that are given must hold; of a list any one.

    `times` counts the intents or events within `days`; `added_days` and `silent_days` are at
    least so many days; channels may hold `*`; entities and portrait map a name to values.
    """

    channels: list[str] = []
    stages: list[str] = []
    intents: list[str] = []
    events: list[str] = []
    entities: dict[str, list[str]] = {}
    portrait: dict[str, list[str]] = {}
    times: int = Field(1, ge=1)
    days: int = Field(90, ge=1, le=365)
    added_days: int | None = Field(None, ge=0)
    silent_days: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _something(self) -> When:
        given = self.model_fields_set - {"times", "days"}
        if not any(getattr(self, name) not in ([], {}, None) for name in given):
            raise ValueError(
                "没有条件：请写 channels、stages、intents、events、entities 等至少一项"
            )
        if self.intents and self.events:
            raise ValueError("intents 和 events 不能写在同一条规则里，请拆成两条")
        return self

    @property
    def by_time(self) -> bool:
        """Whether it may begin or cease to hold by mere waiting."""
        return self.added_days is not None or self.silent_days is not None


class TagRule(_Strict):
    """A tag for those whom `when` describes; unless it stays, it goes when that ceases."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    name: str = Field(min_length=1, max_length=40)
    tag: str = Field(min_length=1, max_length=30)
    group: str = Field("机器人", min_length=1, max_length=30)
    when: When
    stays: bool = True
    enabled: bool = True


class TagRules(_Strict):
    """All rules of a shop."""

    version: int = 1
    rules: list[TagRule]

    @model_validator(mode="after")
    def _distinct(self) -> TagRules:
        ids = [rule.id for rule in self.rules]
        if twice := next((one for one in ids if ids.count(one) > 1), None):
            raise ValueError(f"规则编号 {twice} 用了两次，请换一个")
        return self

    @property
    def active(self) -> list[TagRule]:
        return [rule for rule in self.rules if rule.enabled]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the rules look at; `said` and `done` are `(name, when)`, newest last."""

    now: datetime
    stage: str
    channels: Collection[str] = ()
    said: Sequence[tuple[str, datetime]] = ()
    done: Sequence[tuple[str, datetime]] = ()
    entities: Collection[tuple[str, str]] = ()
    portrait: Collection[tuple[str, str]] = ()
    added_at: datetime | None = None
    last_heard_at: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


def why(rule: TagRule, facts: Facts) -> str | None:
    """Why the rule holds, in Chinese; None when it does not."""
    reasons: list[str] = []
    for reason in _checks(rule.when, facts):
        if reason is None:
            return None
        reasons.append(reason)
    return "，".join(reasons)


def _checks(when: When, facts: Facts) -> list[str | None]:
    found: list[str | None] = []
    if when.channels:
        found.append(_channel(when, facts))
    if when.stages:
        label = facts.labels.get(facts.stage, facts.stage)
        found.append(f"阶段是{label}" if facts.stage in when.stages else None)
    if when.intents:
        found.append(_often(when, facts, when.intents, facts.said, "说到"))
    if when.events:
        found.append(_often(when, facts, when.events, facts.done, "有过"))
    if when.entities:
        found.append(_named(when.entities, facts.entities, "提到"))
    if when.portrait:
        found.append(_named(when.portrait, facts.portrait, "画像里有"))
    if when.added_days is not None:
        found.append(_since(facts.added_at, when.added_days, facts.now, "添加满"))
    if when.silent_days is not None:
        heard = max(filter(None, (facts.last_heard_at, facts.added_at)), default=None)
        found.append(_since(heard, when.silent_days, facts.now, "没有来往满"))
    return found


def _channel(when: When, facts: Facts) -> str | None:
    for channel in sorted(facts.channels):
        if any(fnmatchcase(channel, pattern) for pattern in when.channels):
            return f"来自渠道 {channel}"
    return None


def _often(
    when: When,
    facts: Facts,
    names: Sequence[str],
    history: Sequence[tuple[str, datetime]],
    verb: str,
) -> str | None:
    since = facts.now - timedelta(days=when.days)
    hits = [name for name, at in history if name in names and at >= since]
    if len(hits) < when.times:
        return None
    spoken = "、".join(facts.labels.get(name, name) for name in dict.fromkeys(hits))
    return f"{when.days} 天内 {len(hits)} 次{verb}{spoken}"


def _named(
    wanted: Mapping[str, Sequence[str]], known: Collection[tuple[str, str]], verb: str
) -> str | None:
    for name, value in sorted(known):
        if any(fnmatchcase(value, pattern) for pattern in wanted.get(name, ())):
            return f"{verb}「{value}」"
    return None


def _since(moment: datetime | None, days: int, now: datetime, verb: str) -> str | None:
    if moment is None or now - moment < timedelta(days=days):
        return None
    return f"{verb} {days} 天"


def load_tag_rules(
    path: Path = SHIPPED_RULES, *, intents: Collection[str], stages: Collection[str]
) -> TagRules:
    """Read rules; raises `SettingsError` naming the file, the place and the mend."""
    rules = read_yaml_model(TagRules, path, what="标签规则文件")
    for rule in rules.rules:
        for kind, used, known in (
            ("意图", rule.when.intents, intents),
            ("阶段", rule.when.stages, stages),
        ):
            if unknown := sorted(set(used) - set(known)):
                raise SettingsError(
                    f"{path} 的规则 {rule.id} 用到了没有定义的{kind}：{'、'.join(unknown)}"
                )
    return rules
