"""External contacts (客户联系): the endpoints, and what they tell as values."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from wechatpy.work.client.api.external_contact import WeChatExternalContact

Answer = Awaitable[dict[str, Any]]

PAGE = 100  # WeCom: batch/get_by_user takes at most 100 members and gives at most 100 pairs
CORP_TAG, PERSONAL_TAG, STRATEGY_TAG = 1, 2, 3


class ContactApi(WeChatExternalContact):  # type: ignore[misc]  # wechatpy has no types
    """wechatpy's external-contact endpoints, with those that it lacks or has outgrown."""

    def _call(self, api: str, body: Mapping[str, Any]) -> Answer:
        answer: Answer = self._post(f"externalcontact/{api}", data=dict(body))
        return answer

    def follow_users(self) -> Answer:
        """The members who may talk to customers and whom the app may see."""
        answer: Answer = self._get("externalcontact/get_follow_user_list")
        return answer

    def contact(self, external_userid: str, *, cursor: str = "") -> Answer:
        """One customer with their followers. WeCom: 500 followers a page."""
        params = {"external_userid": external_userid} | ({"cursor": cursor} if cursor else {})
        answer: Answer = self._get("externalcontact/get", params=params)
        return answer

    def by_users(self, userids: Sequence[str], *, cursor: str = "", limit: int = PAGE) -> Answer:
        """One page of the pairs of up to 100 members."""
        body: dict[str, Any] = {"userid_list": list(userids), "limit": limit}
        return self._call("batch/get_by_user", body | ({"cursor": cursor} if cursor else {}))

    def change_remark(self, userid: str, external_userid: str, **fields: Any) -> Answer:
        """Set `remark` (≤ 20 characters), `description` (≤ 150), `remark_mobiles`, …"""
        pair = {"userid": userid, "external_userid": external_userid}
        return self._call("remark", pair | fields)

    def corp_tags(self, *, tag_ids: Sequence[str] = (), group_ids: Sequence[str] = ()) -> Answer:
        """All corp tags in their groups, or those asked for (then also deleted ones)."""
        body: dict[str, Any] = {}
        if tag_ids:
            body["tag_id"] = list(tag_ids)
        elif group_ids:
            body["group_id"] = list(group_ids)
        return self._call("get_corp_tag_list", body)

    def create_tags(self, group: str, names: Sequence[str]) -> Answer:
        """WeCom: an existing group of that name is added to."""
        tags = [{"name": name} for name in names]
        return self._call("add_corp_tag", {"group_name": group, "tag": tags})

    def change_tag(self, tag_id: str, **fields: Any) -> Answer:
        """Rename or reorder a tag or a group. WeCom: only one that this app created."""
        return self._call("edit_corp_tag", {"id": tag_id} | fields)

    def delete_tags(self, *, tag_ids: Sequence[str] = (), group_ids: Sequence[str] = ()) -> Answer:
        """WeCom: a group disappears with its last tag."""
        body = {"tag_id": list(tag_ids)} if tag_ids else {"group_id": list(group_ids)}
        return self._call("del_corp_tag", body)

    def mark(
        self, userid: str, external_userid: str, *, add: Sequence[str], remove: Sequence[str]
    ) -> Answer:
        """Put tags on a pair and take others off. WeCom: one writer a pair at a time (45035)."""
        body: dict[str, Any] = {"userid": userid, "external_userid": external_userid}
        if add:
            body["add_tag"] = list(add)
        if remove:
            body["remove_tag"] = list(remove)
        return self._call("mark_tag", body)

    def transfer_customers(
        self,
        external_userids: Sequence[str],
        *,
        handover: str,
        takeover: str,
        message: str = "",
        resigned: bool = False,
    ) -> Answer:
        """Hand up to 100 customers of one member to another; takes effect after 24 h.

        WeCom: those of a member who left the corp go by an endpoint of their own, without words.
        """
        body: dict[str, Any] = {
            "handover_userid": handover,
            "takeover_userid": takeover,
            "external_userid": list(external_userids),
        }
        if resigned:
            return self._call("resigned/transfer_customer", body)
        return self._call(
            "transfer_customer", body | ({"transfer_success_msg": message} if message else {})
        )

    def transfer_result(
        self, *, handover: str, takeover: str, cursor: str = "", resigned: bool = False
    ) -> Answer:
        """One page of how the transfers between two members stand. WeCom: 1000 a page."""
        body = {"handover_userid": handover, "takeover_userid": takeover}
        api = "resigned/transfer_result" if resigned else "transfer_result"
        return self._call(api, body | ({"cursor": cursor} if cursor else {}))

    def member(self, userid: str) -> Answer:
        """A member's own profile, for the name that customers may be told."""
        answer: Answer = self._get("user/get", params={"userid": userid})
        return answer


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer as WeCom describes them; `card` holds whatever has no field of its own."""

    external_userid: str
    name: str
    avatar: str
    gender: int
    unionid: str | None
    card: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """What one guide knows of one customer; `tag_ids` without the guide's personal tags.

    `personal_tags`, each with its `name` and `group`, is None where the endpoint does not tell
    them.
    """

    userid: str
    since: datetime | None
    remark: str = ""
    description: str = ""
    remark_corp_name: str = ""
    remark_mobiles: tuple[str, ...] = ()
    add_way: int = 0
    oper_userid: str = ""
    state: str = ""
    tag_ids: tuple[str, ...] = ()
    personal_tags: tuple[Mapping[str, str], ...] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pair:
    """A customer and one guide who follows them."""

    contact: Contact
    relation: Relation


_CONTACT_FIELDS = frozenset({"external_userid", "name", "avatar", "gender", "unionid"})
_RELATION_FIELDS = frozenset(
    {
        "userid",
        "createtime",
        "remark",
        "description",
        "remark_corp_name",
        "remark_company",
        "remark_mobiles",
        "add_way",
        "oper_userid",
        "state",
        "tags",
        "tag_id",
    }
)


def pairs_of_page(answer: Mapping[str, Any]) -> list[Pair]:
    """The pairs of one page of `batch/get_by_user`; rows without ids are passed over."""
    pairs = []
    for row in _rows(answer.get("external_contact_list")):
        pair = _pair(row.get("external_contact"), row.get("follow_info"))
        if pair:
            pairs.append(pair)
    return pairs


def pairs_of_contact(answer: Mapping[str, Any]) -> list[Pair]:
    """One pair for each follower that `externalcontact/get` names."""
    found = [
        _pair(answer.get("external_contact"), row) for row in _rows(answer.get("follow_user"))
    ]
    return [pair for pair in found if pair]


def unlicensed(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """Members of a page whom WeCom left out."""
    info = answer.get("fail_info")
    listed = info.get("unlicensed_userid_list") if isinstance(info, Mapping) else None
    return tuple(str(userid) for userid in listed or ())


def _pair(contact: object, relation: object) -> Pair | None:
    if not isinstance(contact, Mapping) or not isinstance(relation, Mapping):
        return None
    read, known = _contact(contact), _relation(relation)
    return Pair(read, known) if read.external_userid and known.userid else None


def _contact(row: Mapping[str, Any]) -> Contact:
    card = {key: _clean(value) for key, value in row.items() if key not in _CONTACT_FIELDS}
    if card.get("type") == 1:
        del card["type"]  # the usual case needs no card
    return Contact(
        external_userid=_text(row.get("external_userid"), 64),
        name=_text(row.get("name"), 128),
        avatar=_text(row.get("avatar"), 512),
        gender=_whole(row.get("gender")),
        unionid=_text(row.get("unionid"), 64) or None,
        card={key: value for key, value in card.items() if value not in (None, "", [], {})},
    )


def _relation(row: Mapping[str, Any]) -> Relation:
    tags = _rows(row.get("tags"))
    ids = [tag.get("tag_id") for tag in tags if _whole(tag.get("type")) != PERSONAL_TAG]
    ids += row.get("tag_id") or []
    personal = [tag for tag in tags if _whole(tag.get("type")) == PERSONAL_TAG]
    extra = {key: _clean(value) for key, value in row.items() if key not in _RELATION_FIELDS}
    company = row.get("remark_corp_name") or row.get("remark_company")
    return Relation(
        userid=_text(row.get("userid"), 64),
        since=moment(row.get("createtime")),
        remark=_text(row.get("remark"), 64),
        description=_text(row.get("description"), 512),
        remark_corp_name=_text(company, 64),
        remark_mobiles=tuple(_text(one, 32) for one in row.get("remark_mobiles") or () if one),
        add_way=_whole(row.get("add_way")),
        oper_userid=_text(row.get("oper_userid"), 64),
        state=_text(row.get("state"), 64),
        tag_ids=tuple(dict.fromkeys(_text(one, 64) for one in ids if one)),
        personal_tags=tuple(map(_personal, personal)) if "tags" in row else None,
        extra={key: value for key, value in extra.items() if value not in (None, "", [], {})},
    )


def _personal(tag: Mapping[str, Any]) -> dict[str, str]:
    return {"name": _text(tag.get("tag_name"), 64), "group": _text(tag.get("group_name"), 64)}


@dataclass(frozen=True, slots=True)
class TagInfo:
    """A corp tag as WeCom lists it."""

    tag_id: str
    name: str
    order: int
    deleted: bool


@dataclass(frozen=True, slots=True)
class TagGroupInfo:
    """A group of corp tags as WeCom lists it."""

    group_id: str
    name: str
    order: int
    deleted: bool
    tags: tuple[TagInfo, ...]


def tag_groups(answer: Mapping[str, Any]) -> list[TagGroupInfo]:
    """The groups of `get_corp_tag_list`, or the one of `add_corp_tag`."""
    listed = answer.get("tag_group")
    rows = [listed] if isinstance(listed, Mapping) else _rows(listed)
    return [
        TagGroupInfo(
            group_id=_text(row.get("group_id"), 64),
            name=_text(row.get("group_name"), 64),
            order=_whole(row.get("order")),
            deleted=bool(row.get("deleted")),
            tags=tuple(
                TagInfo(
                    _text(tag.get("id"), 64),
                    _text(tag.get("name"), 64),
                    _whole(tag.get("order")),
                    bool(tag.get("deleted")),
                )
                for tag in _rows(row.get("tag"))
                if tag.get("id")
            ),
        )
        for row in rows
        if row.get("group_id")
    ]


def moment(value: object) -> datetime | None:
    """WeCom's Unix seconds, given as a number or a string; None when they make no time."""
    try:
        seconds = int(str(value))
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def _rows(value: object) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _text(value: object, longest: int) -> str:
    """Cut to what the column holds, without NUL, which PostgreSQL cannot keep."""
    return "" if value is None else str(value).replace("\x00", "")[:longest]


def _whole(value: object) -> int:
    try:
        number = int(str(value))
    except ValueError:
        return 0
    return number if abs(number) < 2**62 else 0


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, Mapping):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value
