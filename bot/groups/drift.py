"""Which groups do not greet as they should, and asking their owners to choose the greeting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.customers.notices import tell_guide
from bot.errors import NotFound, Unprocessable
from bot.groups.quiet import DigestTimes
from bot.groups.segments import Segments
from bot.store.database import Database
from bot.store.group_tables import CustomerGroup, GroupState, GroupTemplate, TemplateStatus

_MOST_TIMES = 3
_NAMED = 6


class Drift(StrEnum):
    """How a group's greeting stands; `outdated`: the chosen one is not its segment's any more."""

    PICKED = "picked"
    NOT_PICKED = "not_picked"
    OUTDATED = "outdated"
    NO_TEMPLATE = "no_template"
    NO_SEGMENT = "no_segment"
    ENDED = "ended"


def drift_of(group: CustomerGroup, template: GroupTemplate | None) -> Drift:
    """`template` is the active one of the group's segment."""
    if group.state != GroupState.ACTIVE:
        return Drift.ENDED
    if not group.segment:
        return Drift.NO_SEGMENT
    if template is None or template.template_id is None:
        return Drift.NO_TEMPLATE
    if group.picked_template == template.template_id:
        return Drift.PICKED
    return Drift.OUTDATED if group.picked_template else Drift.NOT_PICKED


async def active_templates(session: AsyncSession) -> dict[str, GroupTemplate]:
    """The greeting of each segment that has one."""
    rows = await session.scalars(
        select(GroupTemplate).where(GroupTemplate.status == TemplateStatus.ACTIVE)
    )
    return {row.segment: row for row in rows}


class GreetingTasks:
    """Asks owners, reminds them a few times, and notes what they say."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        segments: Segments,
        times: DigestTimes,
        *,
        reminder: timedelta,
    ) -> None:
        self._database = database
        self._clock = clock
        self._segments = segments
        self._times = times
        self._reminder = reminder

    async def tend(self) -> int:
        """Ask about all groups whose owners should hear of it now; how many notices."""
        now = self._clock.now()
        if self._times.is_night(now):
            return 0
        async with self._database.read() as session:
            if not (await session.scalars(self._due(now).limit(1))).first():
                return 0
        async with self._database.write() as session:
            groups = (await session.scalars(self._due(now).with_for_update())).all()
            templates = await active_templates(session)
            asked: dict[tuple[str, str], list[CustomerGroup]] = defaultdict(list)
            for group in groups:
                asked[group.owner, group.segment].append(group)
            for (owner, segment), theirs in asked.items():
                if (template := templates.get(segment)) is not None:  # else deleted meanwhile
                    await self._ask(session, owner, template, theirs, now)
        return len(asked)

    def _due(self, now: datetime) -> Select[Any]:
        template = GroupTemplate
        return (
            select(CustomerGroup)
            .join(
                template,
                and_(
                    template.segment == CustomerGroup.segment,
                    template.status == TemplateStatus.ACTIVE,
                ),
            )
            .where(
                CustomerGroup.state == GroupState.ACTIVE,
                CustomerGroup.owner != "",
                CustomerGroup.picked_template != template.template_id,
                or_(
                    CustomerGroup.asked_template != template.template_id,
                    and_(
                        CustomerGroup.asked < _MOST_TIMES,
                        CustomerGroup.asked_at < now - self._reminder,
                    ),
                ),
            )
            .order_by(CustomerGroup.chat_id)
        )

    async def _ask(
        self,
        session: AsyncSession,
        owner: str,
        template: GroupTemplate,
        groups: Sequence[CustomerGroup],
        now: datetime,
    ) -> None:
        day = now.astimezone(self._times.zone).date()
        await tell_guide(
            session,
            owner,
            self.wording(template, groups),
            kind="group_template",
            about=f"{template.template_id}|{day}|{groups[0].chat_id}",
            now=now,
        )
        for group in groups:
            again = group.asked_template == template.template_id
            group.asked = group.asked + 1 if again else 1
            group.asked_template, group.asked_at = template.template_id or "", now
        await session.flush()

    def wording(self, template: GroupTemplate, groups: Sequence[CustomerGroup]) -> str:
        """What the owner reads."""
        names = [f"「{group.name or group.chat_id}」" for group in groups[:_NAMED]]
        more = f"等 {len(groups)} 个群" if len(groups) > _NAMED else ""
        return (
            f"请为{'、'.join(names)}{more}选用入群欢迎语「{template.name}」：\n"
            "手机企业微信打开群聊 → 右上角 ··· → 群管理 → 入群欢迎语 → 选中它并开启。\n"
            f"开头是：{template.text.splitlines()[0][:40]}\n"
            "选好后回工作台点「已选用」，或告诉店长，这条提醒就会停。"
        )

    async def picked(self, chat_id: str, *, by: str) -> None:
        """The owner or an operator says that the group greets with its segment's words now."""
        async with self._database.write() as session:
            group = await session.get(CustomerGroup, chat_id)
            if group is None:
                raise NotFound(f"没有客户群 {chat_id[:64]}")
            template = (await active_templates(session)).get(group.segment)
            if template is None:
                label = self._segments.label(group.segment) or "没有分类的群"
                raise Unprocessable(f"{label}还没有入群欢迎语，请先设置分类或新建欢迎语")
            await session.execute(
                update(CustomerGroup)
                .where(CustomerGroup.chat_id == chat_id)
                .values(
                    picked_template=template.template_id,
                    picked_at=self._clock.now(),
                    picked_by=by.strip()[:64],
                )
            )
