"""Mass sends (企业群发): tasks that guides must confirm before anything reaches a customer."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from wechatpy.client.api.base import BaseWeChatAPI

Answer = Awaitable[dict[str, Any]]

SINGLE, GROUP = "single", "group"
DISPATCHING = 41063
CANCELLED = 41093
REMINDED_TOO_OFTEN = 41094
MOST_CUSTOMERS = 10_000
MOST_GROUPS = 2_000
MOST_ATTACHMENTS = 9
MOST_TEXT_BYTES = 4000
_CORP_ONLY = 0
_TASK_PAGE, _RESULT_PAGE, _LIST_PAGE = 1000, 1000, 100


class SendStatus(IntEnum):
    """How the sending to one customer stands."""

    WAITING = 0
    SENT = 1
    NOT_FRIENDS = 2
    LIMIT_REACHED = 3


class MassSendApi(BaseWeChatAPI):  # type: ignore[misc]  # wechatpy has no types
    """`externalcontact/*groupmsg*`. WeCom: there is no key; each call makes another task."""

    def _call(self, api: str, body: Mapping[str, Any]) -> Answer:
        answer: Answer = self._post(f"externalcontact/{api}", data=dict(body))
        return answer

    def create(
        self,
        *,
        sender: str,
        targets: Sequence[str],
        text: str = "",
        attachments: Sequence[Mapping[str, Any]] = (),
        to_groups: bool = False,
    ) -> Answer:
        """Ask one member to send the same to up to 10,000 customers, or 2,000 groups."""
        key = "chat_id_list" if to_groups else "external_userid"
        body: dict[str, Any] = {
            "chat_type": GROUP if to_groups else SINGLE,
            key: list(targets),
            "sender": sender,
        }
        if text:
            body["text"] = {"content": text}
        if attachments:
            body["attachments"] = [dict(one) for one in attachments]
        return self._call("add_msg_template", body)

    def tasks_between(
        self, start: datetime, end: datetime, *, to_groups: bool = False, cursor: str = ""
    ) -> Answer:
        """One page of the corp's mass sends created between two moments, at most a month."""
        body: dict[str, Any] = {
            "chat_type": GROUP if to_groups else SINGLE,
            "start_time": int(start.timestamp()),
            "end_time": int(end.timestamp()),
            "filter_type": _CORP_ONLY,
            "limit": _LIST_PAGE,
        }
        return self._call("get_groupmsg_list_v2", body | _from(cursor))

    def members(self, msgid: str, *, cursor: str = "") -> Answer:
        """Which members have confirmed. WeCom: 41063 while the task is being dispatched."""
        body = {"msgid": msgid, "limit": _TASK_PAGE}
        return self._call("get_groupmsg_task", body | _from(cursor))

    def results(self, msgid: str, userid: str, *, cursor: str = "") -> Answer:
        """How the sending of one member went, customer by customer."""
        body = {"msgid": msgid, "userid": userid, "limit": _RESULT_PAGE}
        return self._call("get_groupmsg_send_result", body | _from(cursor))

    def remind(self, msgid: str) -> Answer:
        """Remind those who have not confirmed. WeCom: 41094 after three times in 24 h."""
        return self._call("remind_groupmsg_send", {"msgid": msgid})

    def cancel(self, msgid: str) -> Answer:
        """Stop what is not confirmed yet; what was sent stays sent."""
        return self._call("cancel_groupmsg_send", {"msgid": msgid})


@dataclass(frozen=True, slots=True)
class MassSend:
    """One row of `get_groupmsg_list_v2`; its sender is only known by asking for its members."""

    msgid: str
    created_at: datetime
    text: str
    attachments: int


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Whether a member has sent."""

    userid: str
    sent: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one customer or group fared."""

    target: str
    status: SendStatus
    at: datetime | None


def mass_sends(answer: Mapping[str, Any]) -> list[MassSend]:
    """The rows of a page."""
    return [
        MassSend(
            msgid=str(row["msgid"]),
            created_at=_moment(row.get("create_time")),
            text=str((row.get("text") or {}).get("content") or ""),
            attachments=len(row.get("attachments") or ()),
        )
        for row in _rows(answer, "group_msg_list")
        if row.get("msgid")
    ]


def confirmations(answer: Mapping[str, Any]) -> list[Confirmation]:
    """WeCom: status 2 says sent, 0 not yet."""
    return [
        Confirmation(str(row["userid"]), row.get("status") == 2)
        for row in _rows(answer, "task_list")
        if row.get("userid")
    ]


def deliveries(answer: Mapping[str, Any]) -> list[Delivery]:
    """The rows of a page of results; unknown statuses count as waiting."""
    found = []
    for row in _rows(answer, "send_list"):
        target = row.get("external_userid") or row.get("chat_id")
        status = row.get("status")
        known = status if status in set(SendStatus) else SendStatus.WAITING
        at = _moment(row["send_time"]) if row.get("send_time") else None
        if target:
            found.append(Delivery(str(target), SendStatus(known), at))
    return found


def _from(cursor: str) -> dict[str, str]:
    return {"cursor": cursor} if cursor else {}


def _rows(answer: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = answer.get(name)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _moment(value: object) -> datetime:
    """WeCom gives some times as texts."""
    try:
        return datetime.fromtimestamp(int(str(value)), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
