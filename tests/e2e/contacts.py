"""The contacts' side of the tests' WeCom: contact ways, tags, welcome codes and new friends."""

from __future__ import annotations

import itertools
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from e2e import envelope
from e2e.envelope import Push
from e2e.standin import Platform

CODE_SECONDS = 20.0
_numbers = itertools.count(1)


@dataclass(slots=True)
class Friend:
    """Somebody about to be a guide's friend; the code lives from `since` on."""

    who: str
    guide: str
    state: str
    code: str
    since: float
    expired: bool = False
    half: bool = False


@dataclass(slots=True)
class Welcome:
    """One greeting that arrived."""

    who: str
    guide: str
    text: str
    after: float
    body: dict[str, Any]


@dataclass(slots=True)
class Contacts:
    """What the platform knows of guides' friends; put on top of a `Platform`."""

    platform: Platform
    ways: dict[str, dict[str, Any]] = field(default_factory=dict)
    friends: dict[str, Friend] = field(default_factory=dict)
    pairs: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    tags: dict[str, tuple[str, str]] = field(default_factory=dict)
    welcomes: list[Welcome] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    told: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.platform.more |= {
            "externalcontact/add_contact_way": self._add_way,
            "externalcontact/get_contact_way": self._get_way,
            "externalcontact/list_contact_way": self._list_ways,
            "externalcontact/update_contact_way": self._update_way,
            "externalcontact/del_contact_way": self._del_way,
            "externalcontact/send_welcome_msg": self._welcome,
            "externalcontact/get": self._contact,
            "externalcontact/get_follow_user_list": self._guides,
            "externalcontact/batch/get_by_user": self._by_user,
            "externalcontact/get_corp_tag_list": self._tag_list,
            "externalcontact/add_corp_tag": self.add_tags,
            "externalcontact/mark_tag": self._mark,
            "externalcontact/groupchat/list": self._no_groups,
            "user/get": self._member,
            "message/send": self._tell,
        }

    # What happens.

    def adds(
        self,
        who: str | None = None,
        *,
        guide: str = "qing",
        state: str = "",
        code: bool = True,
        half: bool = False,
        expired: bool = False,
    ) -> Friend:
        """A customer becomes a guide's friend; nobody is told yet."""
        person = who or f"wm_friend_{next(_numbers):05d}"
        value = f"WC{secrets.token_hex(12)}" if code else ""
        friend = Friend(person, guide, state, value, time.monotonic(), expired, half)
        if value:
            self.friends[value] = friend
        self.pairs.setdefault((guide, person), set())
        return friend

    def push(self, friend: Friend, *, at: int | None = None) -> Push:
        """The callback that tells of it."""
        change = "add_half_external_contact" if friend.half else "add_external_contact"
        more = {"State": friend.state, "WelcomeCode": friend.code}
        return self.change(change, friend.guide, friend.who, at=at, **more)

    def change(
        self, change_type: str, guide: str, who: str, *, at: int | None = None, **more: str
    ) -> Push:
        """Any callback of `change_external_contact`."""
        credentials = self.platform.credentials
        fields = {
            "ToUserName": credentials.corp_id,
            "FromUserName": "sys",
            "MsgType": "event",
            "Event": "change_external_contact",
            "ChangeType": change_type,
            "UserID": guide,
            "ExternalUserID": who,
            **{name: value for name, value in more.items() if value},
        }
        inner = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items())
        stamp = int(time.time()) if at is None else at
        return envelope.pushed(f"<xml>{inner}<CreateTime>{stamp}</CreateTime></xml>", credentials)

    # What tests ask afterwards.

    def greeted(self, who: str) -> list[str]:
        return [one.text for one in list(self.welcomes) if one.who == who]

    def tag_names(self, guide: str, who: str) -> set[str]:
        return {self.tags[tag_id][1] for tag_id in self.pairs[guide, who]}

    # The API.

    def _add_way(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        if body.get("type") not in (1, 2) or body.get("scene") != 2 or not body.get("user"):
            return _no(40058)
        if len(body["user"]) > 100:
            return _no(41041)
        if len(body.get("state", "")) > 30 or len(body.get("remark", "")) > 30:
            return _no(40058)
        config_id = secrets.token_hex(16)
        qr_code = f"https://qr.example.test/{config_id}"
        self.ways[config_id] = {**body, "config_id": config_id, "qr_code": qr_code}
        return _yes(config_id=config_id, qr_code=qr_code)

    def _get_way(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        way = self.ways.get(body.get("config_id", ""))
        return _yes(contact_way=way) if way else _no(41044)

    def _list_ways(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        return _yes(contact_way=[{"config_id": one} for one in self.ways], next_cursor="")

    def _update_way(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        way = self.ways.get(body.get("config_id", ""))
        if way is None:
            return _no(41044)
        way.update(body)
        return _yes()

    def _del_way(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        return _yes() if self.ways.pop(body.get("config_id", ""), None) else _no(41044)

    def _welcome(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        friend = self.friends.get(body.get("welcome_code", ""))
        if friend is None or friend.expired:
            return _no(41050)
        if friend.code in self.used:
            return _no(41051)
        after = time.monotonic() - friend.since
        if after > CODE_SECONDS:
            return _no(41050)
        if not (body.get("text") or body.get("attachments")):
            return _no(40058)
        self.used.add(friend.code)
        text = body.get("text", {}).get("content", "")
        self.welcomes.append(Welcome(friend.who, friend.guide, text, after, body))
        return _yes()

    def _contact(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        who = query.get("external_userid", "")
        guides = [guide for guide, person in list(self.pairs) if person == who]
        if not guides:
            return _no(84061)
        follows = [self._follow(guide, who) for guide in guides]
        return _yes(external_contact=self._person(who), follow_user=follows)

    def _person(self, who: str) -> dict[str, Any]:
        return {"external_userid": who, "name": f"客{who[-5:]}", "type": 1, "gender": 0}

    def _follow(self, guide: str, who: str) -> dict[str, Any]:
        tags = sorted(self.pairs[guide, who] & set(self.tags))
        return {
            "userid": guide,
            "remark": "",
            "description": "",
            "createtime": int(time.time()),
            "tags": [
                {
                    "group_name": self.tags[tag_id][0],
                    "tag_name": self.tags[tag_id][1],
                    "type": 1,
                    "tag_id": tag_id,
                }
                for tag_id in tags
            ],
            "add_way": 1,
            "oper_userid": guide,
        }

    def _guides(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        return _yes(follow_user=sorted({guide for guide, _ in self.pairs}))

    def _by_user(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        listed = [
            {
                "external_contact": self._person(who),
                "follow_info": {
                    **self._follow(guide, who),
                    "tag_id": sorted(self.pairs[guide, who] & set(self.tags)),
                },
            }
            for guide, who in list(self.pairs)
            if guide in body.get("userid_list", [])
        ]
        return _yes(external_contact_list=listed, next_cursor="")

    def _tag_list(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        groups: dict[str, list[dict[str, Any]]] = {}
        for tag_id, (group, name) in self.tags.items():
            row = {"id": tag_id, "name": name, "create_time": 1, "order": 0}
            groups.setdefault(group, []).append(row)
        listed = [
            {"group_id": f"etg{group}", "group_name": group, "create_time": 1, "tag": rows}
            for group, rows in groups.items()
        ]
        return _yes(tag_group=listed)

    def add_tags(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        group = body["group_name"]
        rows = []
        for tag in body["tag"]:
            tag_id = f"et{secrets.token_hex(8)}"
            self.tags[tag_id] = (group, tag["name"])
            rows.append({"id": tag_id, "name": tag["name"], "create_time": 1, "order": 0})
        return _yes(
            tag_group={"group_id": f"etg{group}", "group_name": group, "order": 0, "tag": rows}
        )

    def _mark(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        pair = self.pairs.get((body.get("userid", ""), body.get("external_userid", "")))
        if pair is None:
            return _no(84061)
        if not set(body.get("add_tag", [])) <= set(self.tags):
            return _no(40068)
        pair |= set(body.get("add_tag", []))
        pair -= set(body.get("remove_tag", []))
        return _yes()

    def _no_groups(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        return _yes(group_chat_list=[], next_cursor="")

    def _member(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        names = {"qing": "青青", "tang": "糖糖"}
        userid = query.get("userid", "")
        return _yes(userid=userid, name=names[userid]) if userid in names else _no(60111)

    def _tell(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        said = (body["touser"], body["text"]["content"])
        if not (body.get("enable_duplicate_check") and said in self.told):
            self.told.append(said)
        return _yes(msgid=secrets.token_hex(8))


def _yes(**values: Any) -> dict[str, Any]:
    return {"errcode": 0, "errmsg": "ok", **values}


def _no(code: int) -> dict[str, Any]:
    return {"errcode": code, "errmsg": "refused"}
