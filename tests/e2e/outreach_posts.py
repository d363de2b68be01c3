"""The moments side of the tests' WeCom: tasks, what guides publish, and who sees it."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from e2e.campaigns import Campaigns, no, text_of, yes

A_MINUTE = timedelta(minutes=1)
_MOST_A_MINUTE = 10
_JOB_LIVES = timedelta(hours=24)
_MEDIA_LIVE = timedelta(days=3)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Seen:
    """A post that a customer can see."""

    who: str
    guide: str
    text: str
    at: datetime


@dataclass(slots=True)
class Moment:
    """A task; `audience` is who bore the tags when it was made, by guide."""

    jobid: str
    moment_id: str
    senders: list[str]
    tags: list[str]
    text: str
    at: datetime
    audience: set[tuple[str, str]]
    media: list[str] = field(default_factory=list)
    polls: int = 0
    cancelled: bool = False


@dataclass(slots=True)
class Posts:
    """Put on top of `Campaigns`; guides publish `after` unless `refuses` says otherwise.

    `creating` is how often the job says "not done yet"; a day later it knows nothing of it.
    """

    campaigns: Campaigns
    after: timedelta = timedelta(minutes=30)
    creating: int = 1
    refuses: Callable[[str], bool] = lambda guide: False
    gone: set[str] = field(default_factory=set)
    moments: list[Moment] = field(default_factory=list)
    uploads: dict[str, datetime] = field(default_factory=dict)
    deleted: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.campaigns.platform.more |= {
            "externalcontact/add_moment_task": self._add,
            "externalcontact/get_moment_task_result": self._job,
            "externalcontact/get_moment_list": self._list,
            "externalcontact/get_moment_task": self._members,
            "externalcontact/get_moment_customer_list": self._customers,
            "externalcontact/get_moment_send_result": self._reached,
            "externalcontact/get_moment_comments": self._comments,
            "externalcontact/cancel_moment_task": self._cancel,
            "externalcontact/add_corp_tag": self._add_tags,
            "externalcontact/del_corp_tag": self._delete_tags,
            "media/upload_attachment": self._upload,
        }

    # What tests ask afterwards.

    def asked(self) -> Counter[tuple[str, str]]:
        """How often WeCom was asked to show a text to a customer, published or not."""
        return Counter(
            (who, moment.text) for moment in list(self.moments) for _, who in moment.audience
        )

    def seen(self, who: str | None = None) -> list[Seen]:
        """What customers can see by now, oldest first."""
        found = [
            Seen(person, guide, moment.text, moment.at + self.after)
            for moment in list(self.moments)
            for guide, person in moment.audience
            if who in (None, person) and self._is_out(moment, guide)
        ]
        return sorted(found, key=lambda one: (one.at, one.who))

    @property
    def tag_names(self) -> set[str]:
        """Names of the tags that the corp has."""
        return {name for _, name in list(self.campaigns.contacts.tags.values())}

    # The API.

    def _is_out(self, moment: Moment, guide: str) -> bool:
        due = self.campaigns.clock.now() >= moment.at + self.after
        return due and not moment.cancelled and guide not in self.gone and not self.refuses(guide)

    def _add(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        contacts, now = self.campaigns.contacts, self.campaigns.clock.now()
        visible = body.get("visible_range", {})
        senders = visible.get("sender_list", {}).get("user_list", [])
        tags = visible.get("external_contact_list", {}).get("tag_list", [])
        media = [
            (one.get("image") or one.get("link") or {}).get("media_id", "")
            for one in body.get("attachments", [])
        ]
        if not tags or not set(tags) <= set(contacts.tags) or not set(senders) - self.gone:
            return no(40068)
        if any(now - self.uploads.get(one, _NEVER) > _MEDIA_LIVE for one in media):
            return no(40007)
        if sum(1 for one in self.moments if now - one.at < A_MINUTE) >= _MOST_A_MINUTE:
            return no(41210)
        audience = {
            (guide, who)
            for (guide, who), borne in list(contacts.pairs.items())
            if guide in senders and guide not in self.gone and borne & set(tags)
        }
        job, moment = f"job{secrets.token_hex(8)}", f"mom{secrets.token_hex(8)}"
        senders = [one for one in senders if one not in self.gone]
        made = Moment(job, moment, senders, list(tags), text_of(body), now, audience, media)
        self.moments.append(made)
        return yes(jobid=job)

    def _job(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        found = next((one for one in self.moments if one.jobid == query.get("jobid")), None)
        if found is None or self.campaigns.clock.now() - found.at > _JOB_LIVES:
            return no(40058)
        found.polls += 1
        if found.polls <= self.creating:
            return yes(status=2, type="add_moment_task")
        result = {"errcode": 0, "errmsg": "ok", "moment_id": found.moment_id}
        return yes(status=3, type="add_moment_task", result=result)

    def _list(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        rows = [
            {
                "moment_id": one.moment_id,
                "create_time": int(one.at.timestamp()),
                "create_type": 0,
                "visible_type": 0,
                "text": {"content": one.text},
            }
            for one in list(self.moments)
            if body["start_time"] <= one.at.timestamp() <= body["end_time"]
        ]
        start, size = int(body.get("cursor") or 0), min(body.get("limit", 20), 20)
        more = start + size < len(rows)
        return yes(
            moment_list=rows[start : start + size], next_cursor=str(start + size) if more else ""
        )

    def _moment(self, body: dict[str, Any]) -> Moment | None:
        wanted = body.get("moment_id")
        return next((one for one in self.moments if one.moment_id == wanted), None)

    def _members(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        if (found := self._moment(body)) is None:
            return no(40058)
        rows = [
            {"userid": one, "publish_status": int(self._is_out(found, one))}
            for one in found.senders
        ]
        return yes(task_list=rows, next_cursor="")

    def _customers(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        if (found := self._moment(body)) is None:
            return no(40058)
        rows = [
            {"userid": guide, "external_userid": who}
            for guide, who in sorted(found.audience)
            if guide == body.get("userid")
        ]
        return yes(customer_list=rows, next_cursor="")

    def _reached(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        answer = self._customers(query, body)
        found = self._moment(body)
        if found is not None and not self._is_out(found, body.get("userid", "")):
            return yes(customer_list=[], next_cursor="")
        return answer

    def _comments(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        return yes(comment_list=[], like_list=[])

    def _cancel(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        if (found := self._moment(body)) is None:
            return no(40058)
        found.cancelled = self.campaigns.clock.now() < found.at + self.after
        return yes()

    def _add_tags(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        """WeCom refuses a second tag of one name in a group."""
        known = {(group, name) for group, name in self.campaigns.contacts.tags.values()}
        if any((body["group_name"], one["name"]) in known for one in body["tag"]):
            return no(40071)
        return self.campaigns.contacts.add_tags(query, body)

    def _delete_tags(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        contacts = self.campaigns.contacts
        tags = body.get("tag_id", [])
        if not set(tags) <= set(contacts.tags):
            return no(40068)
        for tag in tags:
            _, name = contacts.tags.pop(tag)
            self.deleted[name] = self.campaigns.clock.now()
            for borne in contacts.pairs.values():
                borne.discard(tag)
        return yes()

    def _upload(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        media_id, now = secrets.token_hex(16), self.campaigns.clock.now()
        self.uploads[media_id] = now
        return yes(type="image", media_id=media_id, created_at=int(now.timestamp()))
