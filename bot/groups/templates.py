"""Greetings of groups (入群欢迎语素材): one a segment, written down before WeCom is asked.

WeCom sends them by itself once a group's owner has chosen one in the client; no API chooses it
and none tells which was chosen, so the owner or an operator says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from sqlalchemy import func, select, update

from bot import loggers
from bot.clock import Clock
from bot.customers.greeting_content import check_attachment
from bot.customers.greeting_media import GreetingMedia
from bot.customers.written import Written
from bot.errors import Conflict, GiveUp, NotFound, UnknownOutcome, Unprocessable, WeComError
from bot.groups.kf_door import KfDoor
from bot.groups.segments import Segments
from bot.groups.wording import KF_LINK, check_text, check_variables, known_names, render
from bot.store.database import Database
from bot.store.group_tables import GroupTemplate, TemplateStatus
from bot.wecom.client import WeComClient

MOST_TEMPLATES = 100  # WeCom: 41055 above it
_MAKING = timedelta(seconds=90)
_LIVE = (TemplateStatus.CREATING, TemplateStatus.ACTIVE, TemplateStatus.UNSURE)

GreetingText = Annotated[str, Field(max_length=1000), AfterValidator(check_text)]
Attachment = Annotated[
    dict[str, Any], AfterValidator(lambda one: check_attachment(one) if one else {})
]


class TemplateDraft(Written):
    """A new greeting of a segment; without `text` the segment's sample is taken."""

    segment: str = Field(min_length=1, max_length=32)
    name: str = Field("", max_length=64)
    text: GreetingText | None = None
    attachment: Attachment = Field(default_factory=dict)
    notify: bool = True


class TemplatePatch(Written):
    """Only what is given changes."""

    name: str | None = Field(None, min_length=1, max_length=64)
    text: GreetingText | None = None
    attachment: Attachment | None = None


class GroupTemplates:
    """Creates, changes and deletes greetings."""

    def __init__(
        self,
        database: Database,
        client: WeComClient,
        clock: Clock,
        segments: Segments,
        *,
        door: KfDoor,
        media: GreetingMedia,
        variables: Mapping[str, str],
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._segments = segments
        self._door = door
        self._media = media
        self._variables = variables

    async def create(self, draft: TemplateDraft) -> GroupTemplate:
        """Make a greeting at WeCom.

        When the answer is lost the row stays `unsure` and a person decides (`retry`): making
        another one by itself would tell all owners twice and spend one of the hundred.
        """
        self._segments.check(draft.segment)
        segment = self._segments.get(draft.segment)
        text = draft.text or segment.greeting
        self._check_variables(text)
        now = self._clock.now()
        template = GroupTemplate(
            segment=draft.segment,
            name=draft.name.strip() or f"{segment.label}欢迎语",
            text=text,
            attachment=draft.attachment,
            notify=draft.notify,
            status=TemplateStatus.CREATING,
            created_at=now,
            updated_at=now,
        )
        async with self._database.write() as session:
            await self._database.alone(session, "group greetings")
            await self._check_room(session, draft.segment)
            session.add(template)
        await self._make(template)
        return await self.get(template.id)

    def _check_variables(self, text: str) -> None:
        try:
            check_variables(text, {*self._variables, KF_LINK})
        except ValueError as error:
            raise Unprocessable(str(error)) from None

    async def _check_room(self, session: Any, segment: str) -> None:
        live = GroupTemplate.status.in_(_LIVE)
        taken = await session.scalar(
            select(GroupTemplate.id).where(live, GroupTemplate.segment == segment)
        )
        if taken is not None:
            raise Conflict(f"这个分类已有入群欢迎语（编号 {taken}），请修改它或先删除", id=taken)
        if (await session.scalar(select(func.count()).where(live)) or 0) >= MOST_TEMPLATES:
            raise Conflict(f"入群欢迎语最多 {MOST_TEMPLATES} 条，请先删掉不用的")

    async def retry(self, number: int) -> GroupTemplate:
        """Ask WeCom again for a greeting that failed or whose answer was lost.

        Raises `Conflict` while somebody else asks: a second one would be told to all owners.
        """
        template = await self.get(number)
        if template.status == TemplateStatus.ACTIVE:
            return template
        now, seen = self._clock.now(), template.status
        busy = seen == TemplateStatus.CREATING and now - template.updated_at < _MAKING
        if busy or not await self._write(number, seen, status=TemplateStatus.CREATING):
            raise Conflict("正在提交给企业微信，请过一会儿刷新再看", id=number)
        await self._make(template)
        return await self.get(number)

    async def _make(self, template: GroupTemplate) -> None:
        try:
            content = await self._content(template)
            answer = await self._client.group_chats.add_template(content, notify=template.notify)
            if not answer.get("template_id"):
                raise UnknownOutcome("企业微信的回应里没有 template_id")
        except UnknownOutcome as error:
            await self._not_made(template, TemplateStatus.UNSURE, error)
            raise
        except WeComError as error:
            await self._not_made(template, TemplateStatus.FAILED, error)
            raise
        made = str(answer["template_id"])[:128]
        if not await self._write(
            template.id,
            TemplateStatus.CREATING,
            status=TemplateStatus.ACTIVE,
            template_id=made,
            error=None,
        ):
            await self._client.group_chats.delete_template(made)  # nobody wants it any more
            return
        loggers.groups.info("a group greeting was made", template=template.id)

    async def _not_made(
        self, template: GroupTemplate, status: TemplateStatus, error: WeComError
    ) -> None:
        seen = TemplateStatus.CREATING
        await self._write(template.id, seen, status=status, error=_reason(error))

    async def _content(self, template: GroupTemplate) -> dict[str, Any]:
        values = dict(self._variables)
        if KF_LINK in known_names(template.text):
            values[KF_LINK] = template.kf_link or await self._door.link(template.segment)
            await self._write(template.id, kf_link=values[KF_LINK])
        content: dict[str, Any] = {"text": {"content": render(template.text, values)}}
        if template.attachment:
            bodies, problems = await self._media.bodies([template.attachment])
            if problems:
                raise GiveUp(f"附件没有准备好：{problems[0]}")
            kind = bodies[0]["msgtype"]
            content[kind] = bodies[0][kind]
        return content

    async def get(self, number: int) -> GroupTemplate:
        """One greeting that was not deleted; raises `NotFound`."""
        async with self._database.read() as session:
            template = await session.get(GroupTemplate, number)
        if template is None or template.status == TemplateStatus.DELETED:
            raise NotFound(f"没有编号为 {number} 的入群欢迎语")
        return template

    async def all(self) -> list[GroupTemplate]:
        """Every greeting that was not deleted; there are a hundred at most."""
        async with self._database.read() as session:
            rows = await session.scalars(
                select(GroupTemplate)
                .where(GroupTemplate.status != TemplateStatus.DELETED)
                .order_by(GroupTemplate.id)
            )
            return list(rows)

    async def change(self, number: int, patch: TemplatePatch) -> GroupTemplate:
        """Change the words at WeCom; groups that chose the greeting say the new ones."""
        template = await self.get(number)
        if patch.text is not None:
            self._check_variables(patch.text)
        given = patch.model_dump(exclude_none=True)
        for name, value in given.items():
            setattr(template, name, value)
        await self._tell(template)
        await self._write(number, **given)
        written = await self.get(number)
        if (written.text, written.attachment) != (template.text, template.attachment):
            await self._tell(written)  # somebody else changed the rest meanwhile
        return written

    async def _tell(self, template: GroupTemplate) -> None:
        if template.template_id:
            content = await self._content(template)
            await self._client.group_chats.edit_template(template.template_id, content)

    async def delete(self, number: int) -> None:
        """Delete it at WeCom too; groups that chose it greet nobody from then on."""
        template = await self.get(number)
        if template.template_id:
            await self._client.group_chats.delete_template(template.template_id)
        await self._write(number, status=TemplateStatus.DELETED, deleted_at=self._clock.now())

    def preview(self, template: GroupTemplate) -> str:
        """The greeting as a member reads it, as far as its variables are known."""
        values = {**self._variables, KF_LINK: template.kf_link or self._variables.get(KF_LINK, "")}
        try:
            return render(template.text, values)
        except GiveUp:
            return template.text

    async def _write(self, number: int, *seen: str, **values: Any) -> bool:
        """False when its status was to be what was `seen`, and is another one by now."""
        as_seen = [GroupTemplate.status == status for status in seen]
        async with self._database.write() as session:
            written = await session.scalar(
                update(GroupTemplate)
                .where(GroupTemplate.id == number, *as_seen)
                .values(updated_at=self._clock.now(), **values)
                .returning(GroupTemplate.id)
            )
        return written is not None


def _reason(error: WeComError) -> str:
    return "；".join(filter(None, (error.message, error.hint)))
