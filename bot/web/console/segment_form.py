"""The segment builder as a form: read from a query string and written back to one."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping

from bot.customers.segments import (
    MOST_CONDITIONS,
    MOST_GROUPS,
    About,
    Condition,
    Group,
    Rule,
)


def read_rule(fields: Mapping[str, str], options: Mapping[About, Collection[str]]) -> Rule:
    """The rule that the form shows; values that do not fit a changed field are emptied."""
    groups = [
        Group(
            every=fields.get(f"g{number}.every", "1") == "1",
            negate=fields.get(f"g{number}.negate") == "1",
            conditions=[
                _condition(fields, f"c{number}.{place}", options)
                for place in range(MOST_CONDITIONS)
                if f"c{number}.{place}.about" in fields
            ],
        )
        for number in range(MOST_GROUPS)
        if f"g{number}.every" in fields
    ]
    return Rule(every=fields.get("every", "1") == "1", groups=groups)


def _condition(
    fields: Mapping[str, str], name: str, options: Mapping[About, Collection[str]]
) -> Condition:
    try:
        about = About(fields[f"{name}.about"])
    except ValueError:
        about = About.STAGE
    value = fields.get(f"{name}.value", "").replace("\x00", "").strip()[:64]
    if about in options and value not in options[about]:
        value = ""
    if about is About.QUIET and not value.isdigit():
        value = "30"
    return Condition(about=about, value=value, negate=fields.get(f"{name}.negate") == "1")


def write_rule(rule: Rule) -> dict[str, str]:
    """The form's fields for a rule."""
    if not rule.groups:
        return {}
    fields = {"built": "1", "every": _flag(rule.every)}
    for number, group in enumerate(rule.groups):
        fields[f"g{number}.every"] = _flag(group.every)
        if group.negate:
            fields[f"g{number}.negate"] = "1"
        for place, one in enumerate(group.conditions):
            name = f"c{number}.{place}"
            fields |= {f"{name}.about": one.about, f"{name}.value": one.value}
            fields[f"{name}.negate"] = "1" if one.negate else "0"
    return fields


def changed(rule: Rule, act: str) -> Rule:
    """The rule after a press on one of the builder's buttons: `group`, `add.0`, `drop.0.1`."""
    groups = [group.model_copy(deep=True) for group in rule.groups]
    name, *places = act.split(".")
    with contextlib.suppress(ValueError, IndexError):
        numbers = [int(place) for place in places]
        if name == "clear":
            groups = []
        elif name == "group" and len(groups) < MOST_GROUPS:
            groups.append(Group(conditions=[Condition()]))
        elif name == "add" and len(groups[numbers[0]].conditions) < MOST_CONDITIONS:
            groups[numbers[0]].conditions.append(Condition())
        elif name == "drop":
            del groups[numbers[0]].conditions[numbers[1]]
    return Rule(every=rule.every, groups=[group for group in groups if group.conditions])


def _flag(value: bool) -> str:
    return "1" if value else "0"
