"""Corp tags in their groups, and marking customers with them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from .call import Answer, Body, Call, optional_text, post

if TYPE_CHECKING:
    from ..platform import Platform

LONGEST = 30


def listing(platform: Platform, call: Call) -> Answer:
    """All tags, or those of some ids; with both kinds of ids the groups count."""
    wanted_groups = _ids(call.body, "group_id")
    wanted_tags = [] if wanted_groups else _ids(call.body, "tag_id")
    groups = []
    for group in platform.store.all("SELECT * FROM corp_tag_groups ORDER BY position DESC, rowid"):
        rows = platform.store.all(
            "SELECT * FROM corp_tags WHERE group_id = ? ORDER BY position DESC, rowid",
            group["group_id"],
        )
        tags = [row for row in rows if not wanted_tags or row["tag_id"] in wanted_tags]
        if (wanted_groups and group["group_id"] not in wanted_groups) or not tags:
            continue
        groups.append(_group(group, tags))
    return {"tag_group": groups}


def add(platform: Platform, call: Call) -> Answer:
    """New tags in a group of that name, which is made if it is not there."""
    names = _names(call.body.get("tag"))
    group_id = optional_text(call.body, "group_id") or _group_named(platform, call)
    group = _require_group(platform, group_id)
    for name, position in names:
        platform.store.run(
            "INSERT OR IGNORE INTO corp_tags (tag_id, group_id, name, created_at, position)"
            " VALUES (?, ?, ?, ?, ?)",
            f"et{secrets.token_urlsafe(20)}",
            group_id,
            name,
            platform.now(),
            position,
        )
    marks = ", ".join("?" * len(names))
    rows = platform.store.all(
        f"SELECT * FROM corp_tags WHERE group_id = ? AND name IN ({marks})",  # noqa: S608
        group_id,
        *(name for name, _ in names),
    )
    return {"tag_group": _group(group, rows)}


def edit(platform: Platform, call: Call) -> Answer:
    """Rename or reorder a tag or a group; only what this app created."""
    name = optional_text(call.body, "name")
    _check_name(name or "x")
    tag_id = call.text("id", missing=40068)
    table, key = _own(platform, tag_id)
    if name:
        platform.store.run(f"UPDATE {table} SET name = ? WHERE {key} = ?", name, tag_id)  # noqa: S608
    if "order" in call.body:
        order = call.number("order", 0)
        platform.store.run(f"UPDATE {table} SET position = ? WHERE {key} = ?", order, tag_id)  # noqa: S608
    return {}


def delete(platform: Platform, call: Call) -> Answer:
    """Delete tags and groups; a group goes with its last tag."""
    tags, groups = _ids(call.body, "tag_id"), _ids(call.body, "group_id")
    if not (tags or groups):
        raise ApiError(40058, "invalid parameter: tag_id and group_id are both empty")
    for one in [*tags, *groups]:
        _own(platform, one)
    for group_id in groups:
        rows = platform.store.all("SELECT tag_id FROM corp_tags WHERE group_id = ?", group_id)
        tags += [row["tag_id"] for row in rows]
    for tag_id in tags:
        platform.store.run("DELETE FROM corp_tags WHERE tag_id = ?", tag_id)
        platform.store.run("DELETE FROM friend_tags WHERE tag_id = ?", tag_id)
    platform.store.run(
        "DELETE FROM corp_tag_groups WHERE group_id NOT IN (SELECT group_id FROM corp_tags)"
    )
    return {}


def mark(platform: Platform, call: Call) -> Answer:
    """Put tags on one pair and take others off."""
    pair = platform.friends.require(
        call.text("userid", missing=41009), call.text("external_userid", missing=41035)
    )
    adding, removing = _ids(call.body, "add_tag"), _ids(call.body, "remove_tag")
    if not (adding or removing):
        raise ApiError(41111, "add_tag and remove_tag are both empty")
    for tag_id in [*adding, *removing]:
        if _tag(platform, tag_id) is None:
            raise ApiError(40068, f"invalid tagid: {tag_id}")
    platform.friends.mark(pair.userid, pair.external_userid, add=adding, remove=removing)
    return {}


def tags_of(platform: Platform, ids: Sequence[str]) -> list[Body]:
    """Tags as `externalcontact/get` tells them."""
    shown = []
    for tag_id in ids:
        tag = _tag(platform, tag_id)
        if tag is not None:
            group = _require_group(platform, tag["group_id"])
            shown.append(
                {
                    "group_name": group["name"],
                    "tag_name": tag["name"],
                    "type": 1,
                    "tag_id": tag_id,
                }
            )
    return shown


def _group_named(platform: Platform, call: Call) -> str:
    name = _check_name(call.text("group_name"))
    known = platform.store.value("SELECT group_id FROM corp_tag_groups WHERE name = ?", name)
    if known:
        return str(known)
    group_id = f"et{secrets.token_urlsafe(20)}"
    platform.store.insert(
        "corp_tag_groups",
        group_id=group_id,
        name=name,
        created_at=platform.now(),
        position=call.number("order", 0),
    )
    return group_id


def _names(tags: object) -> list[tuple[str, int]]:
    if not isinstance(tags, list) or not tags:
        raise ApiError(40058, "invalid parameter: tag must be a list of objects")
    found: dict[str, int] = {}
    for tag in tags:
        name = tag.get("name") if isinstance(tag, dict) else None
        if not isinstance(name, str) or not name:
            raise ApiError(40058, "invalid parameter: tag.name")
        found.setdefault(_check_name(name), int(tag.get("order", 0)))
    return list(found.items())


def _check_name(name: str) -> str:
    if len(name) > LONGEST:
        raise ApiError(40071, "invalid tag name: more than 30 characters")
    return name


def _tag(platform: Platform, tag_id: str) -> Any:
    return platform.store.one("SELECT * FROM corp_tags WHERE tag_id = ?", tag_id)


def _require_group(platform: Platform, group_id: str) -> Any:
    row = platform.store.one("SELECT * FROM corp_tag_groups WHERE group_id = ?", group_id)
    if row is None:
        raise ApiError(40068, "invalid group_id")
    return row


def _own(platform: Platform, tag_id: str) -> tuple[str, str]:
    """The table and key of a tag or group that this app may change."""
    tag = _tag(platform, tag_id)
    if tag is not None:
        if tag["foreign_app"]:
            raise ApiError(40068, "invalid tagid: created by another app")
        return "corp_tags", "tag_id"
    _require_group(platform, tag_id)
    return "corp_tag_groups", "group_id"


def _ids(body: Body, name: str) -> list[str]:
    value = body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ApiError(40058, f"invalid parameter: {name} must be a list of strings")
    return value


def _group(group: Any, tags: Sequence[Any]) -> Body:
    return {
        "group_id": group["group_id"],
        "group_name": group["name"],
        "create_time": group["created_at"],
        "order": group["position"],
        "tag": [
            {
                "id": tag["tag_id"],
                "name": tag["name"],
                "create_time": tag["created_at"],
                "order": tag["position"],
            }
            for tag in tags
        ],
    }


ROUTES = {
    "externalcontact/get_corp_tag_list": post(listing),
    "externalcontact/add_corp_tag": post(add),
    "externalcontact/edit_corp_tag": post(edit),
    "externalcontact/del_corp_tag": post(delete),
    "externalcontact/mark_tag": post(mark),
}
