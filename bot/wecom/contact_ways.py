"""Contact ways (渠道活码), links of the acquisition assistant, and welcome messages."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wechatpy.client.api.base import BaseWeChatAPI

Answer = Awaitable[dict[str, Any]]

MOST_STAFF = 100  # WeCom: 41041 above it
MOST_LINK_STAFF = 500
MOST_ATTACHMENTS = 9
MOST_TEXT_BYTES = 4000
_MULTI, _QR = 2, 2

CODE_EXPIRED = 41050
ALREADY_WELCOMED = 41051
CONSENT_PENDING = 41053
ANOTHER_APP = 41096
NO_SUCH_WAY = 41044
NOT_FRIENDS = 84061


class ContactWayApi(BaseWeChatAPI):  # type: ignore[misc]  # wechatpy has no types
    """`externalcontact/*_contact_way`, `customer_acquisition/*` and `send_welcome_msg`."""

    def _call(self, api: str, body: Mapping[str, Any]) -> Answer:
        answer: Answer = self._post(f"externalcontact/{api}", data=dict(body))
        return answer

    def add_way(
        self, *, state: str, users: Sequence[str], remark: str = "", skip_verify: bool = True
    ) -> Answer:
        """A new code of several guides. WeCom: each call makes another one."""
        return self._call(
            "add_contact_way",
            {
                "type": _MULTI,
                "scene": _QR,
                "remark": remark,
                "skip_verify": skip_verify,
                "state": state,
                "user": list(users),
            },
        )

    def get_way(self, config_id: str) -> Answer:
        return self._call("get_contact_way", {"config_id": config_id})

    def list_ways(self, *, start_time: int, end_time: int, cursor: str = "") -> Answer:
        """One page of the ids of codes made between two Unix seconds."""
        body: dict[str, Any] = {"start_time": start_time, "end_time": end_time, "limit": 1000}
        return self._call("list_contact_way", body | ({"cursor": cursor} if cursor else {}))

    def update_way(self, config_id: str, **fields: Any) -> Answer:
        """Change a code. WeCom: `user` replaces all users; type and scene stay."""
        return self._call("update_contact_way", {"config_id": config_id} | fields)

    def delete_way(self, config_id: str) -> Answer:
        return self._call("del_contact_way", {"config_id": config_id})

    def create_link(self, *, name: str, users: Sequence[str], skip_verify: bool = True) -> Answer:
        """WeCom: a paid quota; each call makes another link."""
        return self._call(
            "customer_acquisition/create_link",
            {
                "link_name": name,
                "range": {"user_list": list(users), "department_list": []},
                "skip_verify": skip_verify,
            },
        )

    def get_link(self, link_id: str) -> Answer:
        return self._call("customer_acquisition/get", {"link_id": link_id})

    def list_links(self, *, cursor: str = "") -> Answer:
        body: dict[str, Any] = {"limit": 100}
        return self._call(
            "customer_acquisition/list_link", body | ({"cursor": cursor} if cursor else {})
        )

    def update_link(self, link_id: str, *, name: str, users: Sequence[str]) -> Answer:
        """Change a link. WeCom: the range replaces the old one."""
        return self._call(
            "customer_acquisition/update_link",
            {
                "link_id": link_id,
                "link_name": name,
                "range": {"user_list": list(users), "department_list": []},
            },
        )

    def delete_link(self, link_id: str) -> Answer:
        return self._call("customer_acquisition/delete_link", {"link_id": link_id})

    def link_quota(self) -> Answer:
        """How many friends links may still bring, in all and by the day when they are lost."""
        answer: Answer = self._get("externalcontact/customer_acquisition_quota")
        return answer

    def welcome(
        self, code: str, *, text: str, attachments: Sequence[Mapping[str, Any]] = ()
    ) -> Answer:
        """Greet a new friend. WeCom: within 20 s of the event, and once for each code."""
        body: dict[str, Any] = {"welcome_code": code}
        if text:
            body["text"] = {"content": text}
        if attachments:
            body["attachments"] = [dict(one) for one in attachments]
        return self._call("send_welcome_msg", body)

    def tell_member(self, userid: str, text: str, *, agent_id: int) -> Answer:
        """A text of the app to one member. WeCom: the same text is not shown twice in 4 h."""
        answer: Answer = self._post(
            "message/send",
            data={
                "touser": userid,
                "msgtype": "text",
                "agentid": agent_id,
                "text": {"content": text},
                "enable_duplicate_check": 1,
                "duplicate_check_interval": 14400,
            },
        )
        return answer


@dataclass(frozen=True, slots=True)
class Way:
    """A contact way as `get_contact_way` tells it."""

    config_id: str
    state: str
    qr_code: str
    users: tuple[str, ...]


def way_of(answer: Mapping[str, Any]) -> Way:
    """The contact way of an answer; what is missing is empty."""
    row = answer.get("contact_way")
    row = row if isinstance(row, Mapping) else {}
    users = row.get("user")
    return Way(
        config_id=str(row.get("config_id") or ""),
        state=str(row.get("state") or ""),
        qr_code=str(row.get("qr_code") or ""),
        users=tuple(map(str, users)) if isinstance(users, list) else (),
    )


def config_ids(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of one page of `list_contact_way`."""
    rows = answer.get("contact_way")
    rows = rows if isinstance(rows, list) else []
    return tuple(str(row["config_id"]) for row in rows if isinstance(row, Mapping) and row)
