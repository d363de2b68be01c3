"""The segment builder as a form: read from a query string and written back to one.

A group stands under its path, `0-1` for the second group inside the first; its fields begin with
`g0-1.` and those of its conditions with `c0-1.0.`, `c0-1.1.` and so on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from bot.customers.segments import (
    MOST_CONDITIONS,
    MOST_DEPTH,
    MOST_GROUPS,
    About,
    Condition,
    Group,
    Rule,
)


def read_rule(fields: Mapping[str, str], options: Mapping[About, Collection[str]]) -> Rule:
    """The rule that the form shows; values that do not fit a changed field are emptied."""
    return Rule(every=fields.get("every", "1") == "1", groups=_groups(fields, "", options))


def _groups(
    fields: Mapping[str, str], inside: str, options: Mapping[About, Collection[str]]
) -> list[Group]:
    if inside.count("-") >= MOST_DEPTH:
        return []
    return [
        Group(
            every=fields.get(f"g{path}.every", "1") == "1",
            negate=fields.get(f"g{path}.negate") == "1",
            conditions=[
                _condition(fields, f"c{path}.{place}", options)
                for place in range(MOST_CONDITIONS)
                if f"c{path}.{place}.about" in fields
            ],
            groups=_groups(fields, f"{path}-", options),
        )
        for path in (f"{inside}{number}" for number in range(MOST_GROUPS))
        if f"g{path}.every" in fields
    ]


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
    for path, group in walk(rule.groups):
        fields[f"g{path}.every"] = _flag(group.every)
        if group.negate:
            fields[f"g{path}.negate"] = "1"
        for place, one in enumerate(group.conditions):
            name = f"c{path}.{place}"
            fields |= {f"{name}.about": one.about, f"{name}.value": one.value}
            fields[f"{name}.negate"] = "1" if one.negate else "0"
    return fields


def walk(groups: Sequence[Group], inside: str = "") -> Iterator[tuple[str, Group]]:
    """All groups with their paths, each before those inside it."""
    for number, group in enumerate(groups):
        path = f"{inside}{number}"
        yield path, group
        yield from walk(group.groups, f"{path}-")


def changed(rule: Rule, act: str) -> Rule:
    """The rule after a press on one of the builder's buttons.

    `group`, `group.0` (inside the first), `add.0`, `drop.0.1`, `cut.0-1`, `clear`.
    """
    made: dict[str, Any] = rule.model_dump()
    name, *rest = act.split(".")
    with contextlib.suppress(ValueError, IndexError):
        if name == "clear":
            made["groups"] = []
        elif name == "group":
            _open_group(made, rest[0] if rest else "")
        elif name == "add":
            _add_to(_at(made, rest[0])["conditions"], {}, MOST_CONDITIONS)
        elif name == "drop":
            del _at(made, rest[0])["conditions"][_place(rest[1])]
        elif name == "cut":
            parent, _, last = rest[0].rpartition("-")
            del _at(made, parent)["groups"][_place(last)]
    made["groups"] = _filled(made["groups"])
    return Rule.model_validate(made)


def _open_group(made: dict[str, Any], path: str) -> None:
    if path.count("-") + 1 < MOST_DEPTH:
        _add_to(_at(made, path)["groups"], {"conditions": [{}]}, MOST_GROUPS)


def _add_to(rows: list[Any], row: dict[str, Any], most: int) -> None:
    if len(rows) < most:
        rows.append(row)


def _at(made: dict[str, Any], path: str) -> dict[str, Any]:
    """The group at a path, the whole rule at none."""
    for number in filter(None, path.split("-")):
        made = made["groups"][_place(number)]
    return made


def _place(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)


def _filled(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without groups that lost their last condition."""
    kept = [one | {"groups": _filled(one.get("groups", []))} for one in groups]
    return [one for one in kept if one["conditions"] or one["groups"]]


def _flag(value: bool) -> str:
    return "1" if value else "0"
