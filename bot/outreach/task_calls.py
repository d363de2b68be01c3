"""Making tasks at WeCom: claimed before the call, recorded after it, read back when in doubt."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock, as_real
from bot.customers.corp_tags import TagBook
from bot.delivery.media import MediaLibrary
from bot.errors import (
    GiveUp,
    MendSettings,
    NotFound,
    RetryLater,
    TellGuide,
    UnknownOutcome,
    WeComError,
)
from bot.outreach.attachments import MomentMedia, mass_send_attachments, text_of
from bot.outreach.last_look import LastLook, last_look
from bot.outreach.moment_pace import take_turn
from bot.outreach.planning import TURN
from bot.outreach.plans import Plans
from bot.outreach.reading_back import Doubt, ReadBack
from bot.store.claims import postpone, settle
from bot.store.database import Database
from bot.store.outreach_tables import (
    OutreachTask,
    TaskKind,
    TaskPhase,
    TouchRow,
    TouchState,
)
from bot.store.tables import WorkState
from bot.wecom import moments
from bot.wecom.client import WeComClient
from bot.wecom.mass_sends import MOST_TEXT_BYTES
from scheduler import Rule

_FIRST_POLL = timedelta(seconds=10)
_LOOK_AGAIN = timedelta(seconds=15)
_LOOK_AGAIN_REAL = timedelta(seconds=0.7)
_TRANSIT = timedelta(seconds=1)
_UNREADABLE_AFTER = timedelta(days=1)


class TaskMaker:
    """Makes one task; the worker calls `handle` until it is settled.

    WeCom has no key for these calls. `called_at` is committed before the call; whoever finds
    it set without an answer looks for the task at WeCom before anything else.
    """

    def __init__(
        self,
        database: Database,
        client: WeComClient,
        clock: Clock,
        *,
        media: MediaLibrary,
        moment_media: MomentMedia,
        tags: TagBook,
        plans: Plans,
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._media = media
        self._moment_media = moment_media
        self._tags = tags
        self._plans = plans
        self._read_back = ReadBack(database, client, clock)

    async def handle(self, task: OutreachTask) -> None:
        """Make the task, or find out what became of an earlier call."""
        if task.called_at is not None and not await self._cleared(task):
            return
        if task.valid_until <= self._clock.now():
            await self._fail(task, "等了太久，已经过了这一步允许的时间", Rule.TOO_LATE)
            return
        try:
            call = await self._prepared(task)
        except (GiveUp, TellGuide, MendSettings, NotFound) as error:
            await self._fail(task, error.message)
            return
        targets = await self._claim(task)
        if not targets:
            return
        if task.kind != TaskKind.MOMENT:
            call["targets"] = targets
        await self._call(task, call)

    async def _cleared(self, task: OutreachTask) -> bool:
        """Whether an earlier call surely did not happen."""
        try:
            found = await self._read_back.look_for(task)
        except WeComError:
            if self._clock.now() < task.valid_until + _UNREADABLE_AFTER:
                raise
            found = Doubt.UNSURE
        if isinstance(found, str):
            await self._made(task, {"id": found})
            return False
        if found is Doubt.UNSURE:
            await self._unknown(task)
            return False
        if found is Doubt.LOOK_AGAIN:
            async with self._database.write() as session:
                await _change_held(session, task, looks=task.looks + 1, attempts=0)
                await postpone(
                    session,
                    task,
                    until=self._clock.now()
                    + max(_LOOK_AGAIN, as_real(self._clock, _LOOK_AGAIN_REAL)),
                    error="没有收到回应，正在核对企业微信里有没有这个任务",
                )
            return False
        loggers.outreach.info("an unanswered call had not arrived", task=task.id)
        return True

    async def _prepared(self, task: OutreachTask) -> dict[str, Any]:
        parts = task.body["parts"]
        if task.kind == TaskKind.MOMENT:
            text, attachments = await self._moment_media.content(parts)
            if len(text) > moments.MOST_TEXT_CHARACTERS:
                raise GiveUp(f"朋友圈文字超过 {moments.MOST_TEXT_CHARACTERS} 字，请缩短")
            if len(text.encode()) > moments.MOST_TEXT_BYTES:
                raise GiveUp(
                    f"朋友圈文字超过 {moments.MOST_TEXT_BYTES} 字节（约 1300 个汉字），请缩短"
                )
            tag = task.body["tag"]
            ids = await self._tags.ids_for([tag], group=task.body["tag_group"])
            return {
                "text": text,
                "attachments": attachments,
                "senders": task.body["guides"],
                "tags": [ids[tag]],
            }
        text = text_of(parts)
        if len(text.encode()) > MOST_TEXT_BYTES:
            raise GiveUp(f"群发文字超过 {MOST_TEXT_BYTES} 字节，请缩短")
        return {
            "text": text,
            "attachments": await mass_send_attachments(parts, self._media),
            "sender": task.sender,
            "to_groups": task.kind == TaskKind.GROUP_MASS_SEND,
        }

    async def _claim(self, task: OutreachTask) -> list[str]:
        """Commit that the call is about to be made for these; nobody when it must not be now."""
        async with self._database.write() as session:
            await self._database.alone(session, TURN)
            if not await _change_held(session, task, looks=0):
                return []  # what follows would be done to somebody else's call
            now = self._clock.now()
            soon = now + as_real(self._clock, _TRANSIT)
            look = await last_look(session, self._plans, task, now, soon=soon)
            if look.nobody is not None or look.wait_until is not None:
                await self._not_now(session, task, look)
                return []
            if task.kind == TaskKind.MOMENT and await self._too_many(session, task):
                return []
            audience = task.audience if task.kind == TaskKind.MOMENT else list(look.targets)
            await session.execute(
                update(TouchRow)
                .where(TouchRow.task_id == task.id, TouchRow.status == TouchState.ASKED)
                .values(look_at=now)
                .execution_options(synchronize_session=False)
            )
            await _change_held(session, task, called_at=now, audience=audience)
        task.called_at, task.audience = now, audience
        return list(look.targets)

    async def _not_now(self, session: AsyncSession, task: OutreachTask, look: LastLook) -> None:
        """Nobody wants it any more, or its hours are over for today."""
        if look.wait_until is not None and look.wait_until < task.valid_until:
            await _change_held(session, task, attempts=0, called_at=None)
            await postpone(
                session, task, until=look.wait_until, error="不在可以发送的时段，等下一个时段"
            )
            return
        rule = look.nobody or Rule.TOO_LATE
        ended = await settle(
            session,
            task,
            now=self._clock.now(),
            state=WorkState.FAILED,
            error=rule.zh,
            phase=TaskPhase.CANCELLED,
            called_at=None,
        )
        if ended:
            await end_touches(session, task.id, TouchState.CANCELLED, rule.zh, rule)

    async def _too_many(self, session: AsyncSession, task: OutreachTask) -> bool:
        pace = self._plans.budget.moment_tasks_per_minute
        until = await take_turn(session, self._database, self._clock, calls_a_minute=pace)
        if until is None:
            return False
        await _change_held(session, task, attempts=0)
        await postpone(session, task, until=until, error="每分钟的朋友圈任务数已满")
        return True

    async def _call(self, task: OutreachTask, call: dict[str, Any]) -> None:
        api = self._client.moments if task.kind == TaskKind.MOMENT else self._client.mass_sends
        try:
            answer = await api.create(**call)
        except UnknownOutcome:
            raise
        except RetryLater:
            await self._not_called(task)
            raise
        except (GiveUp, TellGuide, MendSettings) as error:
            if error.errcode == moments.QUOTA_SPENT:
                await self._not_called(task)
                raise RetryLater(
                    error.message, errcode=moments.QUOTA_SPENT, wait_seconds=60
                ) from None
            await self._fail(task, "；".join(filter(None, (error.message, error.hint))))
            return
        await self._made(task, answer)

    async def _not_called(self, task: OutreachTask) -> None:
        async with self._database.write() as session:
            await _change_held(session, task, called_at=None)

    async def _made(self, task: OutreachTask, answer: dict[str, Any]) -> None:
        now = self._clock.now()
        job, remote = answer.get("jobid"), answer.get("msgid") or answer.get("id")
        if not job and not remote:
            raise UnknownOutcome("企业微信的回应里没有任务编号")
        phase = TaskPhase.ASKED if remote else TaskPhase.CREATING
        async with self._database.write() as session:
            await settle(
                session,
                task,
                now=now,
                state=WorkState.DONE,
                error=None,
                phase=phase,
                job_id=job,
                remote_id=remote,
                asked_at=now,
                poll_at=now + _FIRST_POLL,
            )
            await _refuse_some(session, task, answer.get("fail_list") or ())
        loggers.outreach.info("guides are asked to confirm", task=task.id, kind=task.kind)

    async def _fail(self, task: OutreachTask, reason: str, rule: Rule | None = None) -> None:
        """For a fault, or because a `rule` ends it."""
        now, end = self._clock.now(), TouchState.CANCELLED if rule else TouchState.FAILED
        async with self._database.write() as session:
            if await settle(
                session,
                task,
                now=now,
                state=WorkState.FAILED,
                error=reason,
                phase=TaskPhase.CANCELLED if rule else TaskPhase.FAILED,
            ):
                await end_touches(session, task.id, end, reason, rule)
        loggers.outreach.warning("a task was refused", task=task.id, reason=reason)

    async def _unknown(self, task: OutreachTask) -> None:
        reason = "不确定企业微信有没有建成这个任务：请到管理后台核对，避免客户收到两遍"
        now = self._clock.now()
        async with self._database.write() as session:
            if await settle(
                session,
                task,
                now=now,
                state=WorkState.FAILED,
                error=reason,
                phase=TaskPhase.UNKNOWN,
            ):
                await end_touches(session, task.id, TouchState.UNKNOWN, reason)
        loggers.outreach.error("a task of unknown outcome waits for a person", task=task.id)


async def _change_held(session: AsyncSession, task: OutreachTask, **values: Any) -> bool:
    """False when the lease ran out, and the task may have been called by whoever took it up.

    That may have been this process itself: each lease has an end of its own.
    """
    changed: Any = await session.execute(
        update(OutreachTask)
        .where(
            OutreachTask.id == task.id,
            OutreachTask.state == WorkState.READY,
            OutreachTask.leased_by == task.leased_by,
            OutreachTask.leased_until == task.leased_until,
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return bool(changed.rowcount)


async def end_touches(
    session: AsyncSession, task_id: int, state: TouchState, reason: str, rule: Rule | None = None
) -> None:
    """Whatever of a task was still open ends this way."""
    because = {"rule": rule} if rule is not None else {}
    await session.execute(
        update(TouchRow)
        .where(TouchRow.task_id == task_id, TouchRow.status == TouchState.ASKED)
        .values(status=state, explanation=reason, **because)
        .execution_options(synchronize_session=False)
    )


async def _refuse_some(session: AsyncSession, task: OutreachTask, targets: Any) -> None:
    for target in targets:
        await session.execute(
            update(TouchRow)
            .where(
                TouchRow.task_id == task.id,
                TouchRow.subject == str(target),
                TouchRow.status == TouchState.ASKED,
            )
            .values(status=TouchState.FAILED, explanation="企业微信说这位客户不能接收")
            .execution_options(synchronize_session=False)
        )
