"""A small WeCom over real HTTP: guides, their customers in pages, and corp tags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

SINCE = 1_763_000_000


@dataclass
class ContactPlatform:
    """Who follows whom is `pairs[userid][external_userid]`, a row as `follow_info` gives it."""

    pairs: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    unlicensed: set[str] = field(default_factory=set)
    failing: list[int | str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    bodies: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    made: int = 0
    on_call: Callable[[str], None] = lambda api: None

    def follow(self, userid: str, who: str, **info: Any) -> None:
        """Let a guide follow a customer, or change what is known of it."""
        row = self.pairs.setdefault(userid, {}).setdefault(
            who,
            {"userid": userid, "remark": "", "description": "", "createtime": SINCE}
            | {"tag_id": [], "remark_mobiles": [], "add_way": 1, "oper_userid": userid},
        )
        row.update(info)
        self.people.setdefault(
            who, {"external_userid": who, "name": f"客户{who}", "type": 1, "gender": 0}
        )

    def unfollow(self, userid: str, who: str) -> None:
        del self.pairs[userid][who]

    def add_group(self, name: str, *tags: str) -> list[str]:
        """Create tags; returns their ids."""
        group = next((one for one in self.groups.values() if one["group_name"] == name), None)
        if group is None:
            self.made += 1
            group = {"group_id": f"etg{self.made}", "group_name": name, "order": 0, "tag": []}
            self.groups[group["group_id"]] = group
        ids = []
        for tag in tags:
            self.made += 1
            group["tag"].append({"id": f"et{self.made}", "name": tag, "order": 0})
            ids.append(f"et{self.made}")
        return ids

    async def answer(self, request: web.Request) -> web.StreamResponse:
        api = request.match_info["api"]
        self.calls[api] += 1
        self.on_call(api)
        body = await request.json() if request.can_read_body else {}
        self.bodies.append((api, body))
        if self.failing and api != "gettoken":
            failure = self.failing.pop(0)
            if failure == "drop":
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            if failure:
                return web.json_response({"errcode": failure, "errmsg": "refused"})
        found = getattr(self, "_" + api.replace("/", "_"))(request.query, body)
        return web.json_response({"errcode": 0, "errmsg": "ok"} | found)

    def _gettoken(self, query: Any, body: Any) -> dict[str, Any]:
        return {"access_token": "t1", "expires_in": 7200}

    def _externalcontact_get_follow_user_list(self, query: Any, body: Any) -> dict[str, Any]:
        return {"follow_user": list(self.pairs)}

    def _externalcontact_batch_get_by_user(self, query: Any, body: Any) -> dict[str, Any]:
        wanted = body["userid_list"]
        for userid in wanted:
            if code := self.refusals.get(userid):
                return {"errcode": code, "errmsg": "refused"}
        rows = [
            {"external_contact": self.people[who], "follow_info": info}
            for userid in wanted
            if userid not in self.unlicensed
            for who, info in self.pairs.get(userid, {}).items()
        ]
        start = int(body.get("cursor") or 0)
        limit = min(body.get("limit", 50), 100)
        more = start + limit < len(rows)
        failed = [userid for userid in wanted if userid in self.unlicensed]
        return {
            "external_contact_list": rows[start : start + limit],
            "next_cursor": str(start + limit) if more else "",
            "fail_info": {"unlicensed_userid_list": failed},
        }

    def _externalcontact_get(self, query: Any, body: Any) -> dict[str, Any]:
        who = query["external_userid"]
        follows = [rows[who] for rows in self.pairs.values() if who in rows]
        if not follows:
            return {"errcode": 84061, "errmsg": "not external contact"}
        names = {tag["id"]: tag["name"] for one in self.groups.values() for tag in one["tag"]}
        rows = [
            {key: value for key, value in info.items() if key != "tag_id"}
            | {
                "tags": [
                    {"tag_id": one, "tag_name": names.get(one, ""), "group_name": "", "type": 1}
                    for one in info["tag_id"]
                ]
            }
            for info in follows
        ]
        return {"external_contact": self.people[who], "follow_user": rows}

    def _externalcontact_get_corp_tag_list(self, query: Any, body: Any) -> dict[str, Any]:
        groups = list(self.groups.values())
        if wanted := set(body.get("tag_id") or ()):
            groups = [
                one | {"tag": [tag for tag in one["tag"] if tag["id"] in wanted]}
                for one in groups
                if wanted & {tag["id"] for tag in one["tag"]}
            ]
        elif wanted := set(body.get("group_id") or ()):
            groups = [one for one in groups if one["group_id"] in wanted]
        return {"tag_group": groups}

    def _externalcontact_add_corp_tag(self, query: Any, body: Any) -> dict[str, Any]:
        ids = self.add_group(body["group_name"], *(tag["name"] for tag in body["tag"]))
        group = next(
            one for one in self.groups.values() if one["group_name"] == body["group_name"]
        )
        return {"tag_group": group | {"tag": [tag for tag in group["tag"] if tag["id"] in ids]}}

    def _externalcontact_edit_corp_tag(self, query: Any, body: Any) -> dict[str, Any]:
        for group in self.groups.values():
            for tag in group["tag"]:
                if tag["id"] == body["id"]:
                    tag["name"] = body["name"]
        return {}

    def _externalcontact_del_corp_tag(self, query: Any, body: Any) -> dict[str, Any]:
        for group in self.groups.values():
            group["tag"] = [tag for tag in group["tag"] if tag["id"] not in body["tag_id"]]
        return {}

    def _externalcontact_mark_tag(self, query: Any, body: Any) -> dict[str, Any]:
        info = self.pairs.get(body["userid"], {}).get(body["external_userid"])
        if info is None:
            return {"errcode": 84061, "errmsg": "not external contact"}
        removed = set(body.get("remove_tag") or ())
        kept = [one for one in info["tag_id"] if one not in removed]
        info["tag_id"] = list(dict.fromkeys([*kept, *body.get("add_tag", [])]))
        return {}

    def _externalcontact_groupchat_list(self, query: Any, body: Any) -> dict[str, Any]:
        return {"group_chat_list": [], "next_cursor": ""}

    def _externalcontact_remark(self, query: Any, body: Any) -> dict[str, Any]:
        info = self.pairs[body["userid"]][body["external_userid"]]
        info.update({key: body[key] for key in body if key in ("remark", "description")})
        return {}


def application(platform: ContactPlatform) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/cgi-bin/{api:.+}", platform.answer)
    return app
