"""What people do with groups: open them, come, go, rename, hand over, dismiss."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

from .errors import UnknownSubject
from .groups import BY_CODE, COLLEAGUE, INVITED, MOST_MEMBERS, OUTSIDE, Group, Member
from .journal import Line
from .platform import Platform
from .sample import GUIDES

CODE_CLOSES_AT = 200  # WeCom: nobody gets into a larger group by a code
MOST_GROUPS_A_CODE = 5
NICKNAME = "%NICKNAME%"


def open_group(
    platform: Platform, name: str, owner: str, external_userids: Sequence[str] = ()
) -> Group:
    """A guide opens a group, with some customers in it from the start."""
    if owner not in GUIDES:
        raise UnknownSubject(f"没有导购 {owner}")
    now = platform.now()
    people = [Member(owner, COLLEAGUE, GUIDES[owner], now, INVITED)]
    people += [_member(platform, one, INVITED, owner, "") for one in external_userids]
    with platform.store.transaction():
        group = platform.groups.make(name, owner, tuple(people), now)
        platform.notify_group(group.chat_id, "create")
    _note(platform, f"{GUIDES[owner]} 建了群「{name}」", f"{owner} opens the group {name}")
    return group


def join(
    platform: Platform,
    chat_id: str,
    userids: Sequence[str],
    *,
    scene: int = INVITED,
    invitor: str = "",
    state: str = "",
) -> Group:
    """Some people come in together; whoever is in already stays as they are."""
    group = _open(platform, chat_id)
    fresh = [
        _member(platform, one, scene, invitor or group.owner, state)
        for one in dict.fromkeys(userids)
        if not group.has(one)
    ]
    if len(group.members) + len(fresh) > MOST_MEMBERS:
        raise UnknownSubject(f"群最多 {MOST_MEMBERS} 人")
    if not fresh:
        return group
    event_scene = 3 if scene == BY_CODE else 0
    with platform.store.transaction():
        changed = _move(
            platform,
            group,
            (*group.members, *fresh),
            [one.userid for one in fresh],
            detail="add_member",
            scene=("JoinScene", event_scene),
        )
        _greet(platform, changed, fresh)
    names = "、".join(one.name for one in fresh)
    _note(platform, f"{names} 进了群「{group.name}」", f"{len(fresh)} join {group.name}")
    return changed


def leave(
    platform: Platform, chat_id: str, userids: Sequence[str], *, removed: bool = False
) -> Group:
    """Some people go, or are removed by the owner."""
    group = _open(platform, chat_id)
    gone = [one for one in dict.fromkeys(userids) if group.has(one) and one != group.owner]
    if not gone:
        raise UnknownSubject("这些人不在群里，或者是群主")
    kept = tuple(member for member in group.members if member.userid not in gone)
    with platform.store.transaction():
        changed = _move(
            platform,
            group,
            kept,
            gone,
            detail="del_member",
            scene=("QuitScene", int(removed)),
        )
    _note(platform, f"{len(gone)} 人离开群「{group.name}」", f"{len(gone)} leave {group.name}")
    return changed


def change(platform: Platform, chat_id: str, **values: str) -> Group:
    """One of `name`, `notice` and `owner` becomes another."""
    group = _open(platform, chat_id)
    with platform.store.transaction():
        for what, value in values.items():
            if what not in ("name", "notice", "owner"):
                raise UnknownSubject(f"群没有 {what} 可改")
            if what == "owner" and not group.has(value):
                raise UnknownSubject("新群主不在群里")
            group = platform.groups.change(group, platform.now(), **{what: value})
            platform.notify_group(chat_id, "update", UpdateDetail=f"change_{what}")
    _note(platform, f"群「{group.name}」的资料有改动", f"{group.name} was changed")
    return group


def dismiss(platform: Platform, chat_id: str) -> Group:
    """The owner dismisses the group, for ever."""
    group = _open(platform, chat_id)
    with platform.store.transaction():
        changed = platform.groups.change(group, platform.now(), dismissed=True)
        platform.notify_group(chat_id, "dismiss")
    _note(platform, f"群「{group.name}」解散了", f"{group.name} was dismissed")
    return changed


def speak(platform: Platform, chat_id: str) -> Group:
    """Somebody says something; the API only ever counts that."""
    return platform.groups.change(
        _open(platform, chat_id), platform.now(), spoken_at=platform.now()
    )


def pick_template(platform: Platform, chat_id: str, template_id: str) -> Group:
    """The owner chooses a greeting on the phone; no callback tells of it."""
    known = platform.store.value(
        "SELECT 1 FROM group_templates WHERE template_id = ?", template_id
    )
    if template_id and known is None:
        raise UnknownSubject("没有这条入群欢迎语")
    return platform.groups.change(
        _open(platform, chat_id), platform.now(), template_id=template_id
    )


def scan(
    platform: Platform,
    external_userid: str,
    config_id: str,
    *,
    closes_at: int = CODE_CLOSES_AT,
) -> Group:
    """A customer scans a group code: into the first group with room, or into a new one."""
    row = platform.store.one("SELECT body FROM join_ways WHERE config_id = ?", config_id)
    if row is None:
        raise UnknownSubject("这个入群活码已经失效")
    way: dict[str, Any] = json.loads(row["body"])
    groups = [platform.groups.get(chat_id) for chat_id in way["chat_id_list"]]
    alive = [group for group in groups if not group.dismissed]
    room = next((one for one in alive if len(one.members) < closes_at), None)
    if room is None:
        room = _open_next(platform, config_id, way, alive)
    state = str(way.get("state") or "")
    return join(platform, room.chat_id, [external_userid], scene=BY_CODE, state=state)


def _open_next(
    platform: Platform, config_id: str, way: dict[str, Any], alive: Sequence[Group]
) -> Group:
    """WeCom opens the next group by itself: its name is the base name and the next number."""
    if not way.get("auto_create_room", 1) or not alive:
        raise UnknownSubject("群都满了，而且没有开启自动建群")
    number = int(way.get("room_base_id") or 1) + int(way.get("opened") or 0)
    name = f"{way.get('room_base_name') or alive[0].name}{number}"
    group = open_group(platform, name, alive[-1].owner)
    way["opened"] = int(way.get("opened") or 0) + 1
    way["chat_id_list"] = [*way["chat_id_list"], group.chat_id][-MOST_GROUPS_A_CODE:]
    platform.store.run(
        "UPDATE join_ways SET body = ? WHERE config_id = ?",
        json.dumps(way, ensure_ascii=False),
        config_id,
    )
    return group


def greetings(platform: Platform, chat_id: str) -> list[dict[str, Any]]:
    """What newcomers were greeted with, oldest first."""
    rows = platform.store.all(
        "SELECT names, text, at FROM group_greetings WHERE chat_id = ? ORDER BY seq", chat_id
    )
    return [dict(row) for row in rows]


def _open(platform: Platform, chat_id: str) -> Group:
    group = platform.groups.get(chat_id)
    if group.dismissed:
        raise UnknownSubject("这个群已经解散")
    return group


def _member(platform: Platform, userid: str, scene: int, invitor: str, state: str) -> Member:
    now = platform.now()
    if userid in GUIDES:
        return Member(userid, COLLEAGUE, GUIDES[userid], now, INVITED, invitor)
    name = platform.customer(userid).nickname
    by = invitor if scene != BY_CODE else ""
    return Member(userid, OUTSIDE, name, now, scene, by, state)


def _move(
    platform: Platform,
    group: Group,
    members: tuple[Member, ...],
    moved: Sequence[str],
    *,
    detail: str,
    scene: tuple[str, int],
) -> Group:
    version = secrets.token_hex(16)
    changed = platform.groups.change(group, platform.now(), members=members, version=version)
    platform.notify_group(
        group.chat_id,
        "update",
        UpdateDetail=detail,
        **{scene[0]: str(scene[1])},
        MemChangeCnt=str(len(moved)),
        MemChangeList=tuple(moved),
        LastMemVer=group.version,
        CurMemVer=version,
    )
    return changed


def _greet(platform: Platform, group: Group, fresh: Sequence[Member]) -> None:
    names = "、".join(member.name for member in fresh if member.kind == OUTSIDE)
    row = platform.store.one(
        "SELECT body FROM group_templates WHERE template_id = ?", group.template_id
    )
    if row is None or not names:
        return
    text = str((json.loads(row["body"]).get("text") or {}).get("content") or "")
    platform.store.insert(
        "group_greetings",
        chat_id=group.chat_id,
        names=names,
        text=text.replace(NICKNAME, names),
        at=platform.now(),
    )


def _note(platform: Platform, zh: str, en: str) -> None:
    platform.journal.note(Line.CUSTOMER, zh, en)
    platform.changed("groups")
