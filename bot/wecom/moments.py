"""Moments (客户朋友圈): posts that guides publish, aimed by corp tags."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from wechatpy.client.api.base import BaseWeChatAPI

from bot.wecom.media import media_form

Answer = Awaitable[dict[str, Any]]

TOO_MANY_JOBS = 41078
QUOTA_SPENT = 41210
JOB_DONE = 3
MOST_TEXT_CHARACTERS, MOST_TEXT_BYTES = 2000, 4000
"""WeCom names both figures; which one holds is not documented, so both are kept."""
MOST_PICTURES = 9
_CORP_ONLY = 0
_LIST_PAGE, _PAGE, _SEEN_PAGE = 20, 1000, 5000


class MomentApi(BaseWeChatAPI):  # type: ignore[misc]  # wechatpy has no types
    """`externalcontact/*moment*`. WeCom: 10 tasks a minute; each call makes another one."""

    def _call(self, api: str, body: Mapping[str, Any]) -> Answer:
        answer: Answer = self._post(f"externalcontact/{api}", data=dict(body))
        return answer

    def create(
        self,
        *,
        text: str,
        senders: Sequence[str],
        tags: Sequence[str],
        attachments: Sequence[Mapping[str, Any]] = (),
    ) -> Answer:
        """Ask members to publish to their customers with any of these corp tags."""
        body: dict[str, Any] = {
            "visible_range": {
                "sender_list": {"user_list": list(senders)},
                "external_contact_list": {"tag_list": list(tags)},
            }
        }
        if text:
            body["text"] = {"content": text}
        if attachments:
            body["attachments"] = [dict(one) for one in attachments]
        return self._call("add_moment_task", body)

    def job(self, jobid: str) -> Answer:
        """How the making of a task goes; its id is good for 24 hours."""
        answer: Answer = self._get(
            "externalcontact/get_moment_task_result", params={"jobid": jobid}
        )
        return answer

    def posts_between(self, start: datetime, end: datetime, *, cursor: str = "") -> Answer:
        """One page of the corp's posts of at most 30 days."""
        body: dict[str, Any] = {
            "start_time": int(start.timestamp()),
            "end_time": int(end.timestamp()),
            "filter_type": _CORP_ONLY,
            "limit": _LIST_PAGE,
        }
        return self._call("get_moment_list", body | _from(cursor))

    def members(self, moment_id: str, *, cursor: str = "") -> Answer:
        """Which members have published."""
        body = {"moment_id": moment_id, "limit": _PAGE}
        return self._call("get_moment_task", body | _from(cursor))

    def audience(self, moment_id: str, userid: str, *, cursor: str = "") -> Answer:
        """The customers whom a member's post is meant for."""
        body = {"moment_id": moment_id, "userid": userid, "limit": _PAGE}
        return self._call("get_moment_customer_list", body | _from(cursor))

    def reached(self, moment_id: str, userid: str, *, cursor: str = "") -> Answer:
        """The customers who could see a member's post."""
        body = {"moment_id": moment_id, "userid": userid, "limit": _SEEN_PAGE}
        return self._call("get_moment_send_result", body | _from(cursor))

    def comments(self, moment_id: str, userid: str) -> Answer:
        """Who commented and who liked. WeCom: without the words."""
        return self._call("get_moment_comments", {"moment_id": moment_id, "userid": userid})

    def cancel(self, moment_id: str) -> Answer:
        """Stop what is not published yet."""
        return self._call("cancel_moment_task", {"moment_id": moment_id})

    def upload(self, *, filename: str, content: bytes, kind: str = "image") -> Answer:
        """A picture for a post. WeCom: files of `media/upload` are not accepted here."""

        def form() -> aiohttp.FormData:
            return media_form(filename, content)

        answer: Answer = self._post(
            "media/upload_attachment",
            params={"media_type": kind, "attachment_type": "1"},
            form=form,
        )
        return answer


@dataclass(frozen=True, slots=True)
class Job:
    """The making of a moments task; `problem` says in WeCom's words why it failed."""

    done: bool
    moment_id: str
    errcode: int
    problem: str


@dataclass(frozen=True, slots=True)
class Post:
    """One row of `get_moment_list`."""

    moment_id: str
    created_at: datetime
    text: str


def job_of(answer: Mapping[str, Any]) -> Job:
    """The state of a job."""
    result = answer.get("result")
    result = result if isinstance(result, Mapping) else {}
    return Job(
        done=answer.get("status") == JOB_DONE,
        moment_id=str(result.get("moment_id") or ""),
        errcode=int(result.get("errcode") or 0),
        problem=str(result.get("errmsg") or ""),
    )


def posts(answer: Mapping[str, Any]) -> list[Post]:
    """The rows of a page."""
    return [
        Post(
            moment_id=str(row["moment_id"]),
            created_at=datetime.fromtimestamp(int(row.get("create_time") or 0), UTC),
            text=str((row.get("text") or {}).get("content") or ""),
        )
        for row in _rows(answer, "moment_list")
        if row.get("moment_id")
    ]


def publishers(answer: Mapping[str, Any]) -> dict[str, bool]:
    """By member: whether the post is out."""
    return {
        str(row["userid"]): row.get("publish_status") == 1
        for row in _rows(answer, "task_list")
        if row.get("userid")
    }


def customers(answer: Mapping[str, Any], name: str = "customer_list") -> list[str]:
    """The customers of a page, members left out."""
    return [
        str(row["external_userid"]) for row in _rows(answer, name) if row.get("external_userid")
    ]


def _from(cursor: str) -> dict[str, str]:
    return {"cursor": cursor} if cursor else {}


def _rows(answer: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = answer.get(name)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
