"""How tasks at WeCom stand: confirmed by guides or not, reminded, cancelled, and their results."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from bot import loggers
from bot.clock import Clock
from bot.errors import Conflict, GiveUp, MendSettings, RetryLater, TellGuide, WeComError
from bot.outreach.call_room import CallRoom, Turn, let_go
from bot.outreach.mass_send_results import MassSendResults
from bot.outreach.moment_results import MomentResults
from bot.outreach.open_tasks import USUAL, OpenTasks
from bot.outreach.plans import Plans
from bot.outreach.reading_back import ReadBack
from bot.outreach.task_renewal import Renewals
from bot.store.database import Database
from bot.store.outreach_tables import OutreachTask, TaskKind, TaskPhase, TouchRow, TouchState
from bot.wecom.client import WeComClient
from bot.wecom.mass_sends import CANCELLED, DISPATCHING, REMINDED_TOO_OFTEN
from bot.wecom.moments import job_of
from scheduler import Rule

_LOOK_ROUND = 5.0
_SOON = timedelta(seconds=15)
_DAY = timedelta(days=1)
_MOST_REMINDERS = 3
_UNCONFIRMED = "导购没有在有效时间内确认"
_LEFT_OUT = "导购已发送，但企业微信一直没有说这位客户收到"
_UNREADABLE_AFTER = timedelta(days=3)


class TaskPoller:
    """Asks WeCom about tasks whose time has come; one replica asks about one task."""

    def __init__(
        self,
        database: Database,
        client: WeComClient,
        clock: Clock,
        plans: Plans,
        *,
        remind_after: timedelta,
        calls_at_once: int,
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._plans = plans
        self._remind_after = remind_after
        self._room = CallRoom(calls_at_once)
        self._tasks = OpenTasks(database, clock)
        self._renewals = Renewals(database, clock)
        self._read_back = ReadBack(database, client, clock)
        self._moments = MomentResults(database, client, clock, tasks=self._tasks, room=self._room)
        self._sends = MassSendResults(
            database, client, clock, tasks=self._tasks, renewals=self._renewals
        )
        self._looks: dict[str, Callable[[OutreachTask], Awaitable[None]]] = {
            TaskPhase.CREATING: self._look_at_job,
            TaskPhase.RENEWING: self._renew,
        }

    async def tick(self) -> int:
        """Look at every task that is due, several side by side; returns how many.

        What falls due while some of them take long is begun beside them.
        """
        await self._tasks.give_up_dead()
        self._room.look_up()
        looks: dict[int, asyncio.Task[bool]] = {}
        looked_at = 0
        try:
            while True:
                for task_id in await self._tasks.due(but=looks):
                    looks[task_id] = asyncio.create_task(self._look(task_id), name="look")
                if not looks:
                    return looked_at
                await asyncio.wait(looks.values(), timeout=_LOOK_ROUND)
                over = [task_id for task_id, one in looks.items() if one.done()]
                looked_at += sum([looks.pop(task_id).result() for task_id in over])
                if not looks:
                    return looked_at
        finally:
            await let_go(looks.values())

    async def _look(self, task_id: int) -> bool:
        """Whether it was this replica's turn; a fault of ours leaves it to the next time."""
        async with self._room.place(Turn.TASK):
            try:
                task = await self._tasks.take(task_id)
                if task is not None:
                    await self._guarded(task)
            except Exception as error:  # noqa: BLE001, RUF100  (one must not stop the others)
                loggers.outreach.error("a look at a task broke", task=task_id, exc_info=error)
                return False
            return task is not None

    async def remind(self, task: OutreachTask) -> None:
        """Remind the guides because a person asks; raises `Conflict` when it cannot be now."""
        now = self._clock.now()
        if task.phase != TaskPhase.ASKED or task.remote_id is None:
            raise Conflict("这个任务现在不在等导购确认，不用提醒")
        if len(_recent(task, now)) >= _MOST_REMINDERS:
            raise Conflict(f"24 小时内已经提醒过 {_MOST_REMINDERS} 次，请稍后再提醒")
        async with self._room.place(Turn.PERSON):
            await self._remind(task, now)

    async def cancel(self, task: OutreachTask, *, by: str) -> None:
        """Take a task back because a person asks; who confirmed has sent, the others will not.

        Raises `Conflict` when there is nothing to take back, or a call is under way.
        """
        reason = f"由 {by} 取消"
        if task.phase == TaskPhase.ASKED and task.remote_id is not None:
            async with self._room.place(Turn.PERSON):
                await self._cancel(task, reason, None, overrule=True)
        elif task.phase != TaskPhase.NEW or not await self._tasks.take_back(task, reason):
            raise Conflict("这个任务已经结束，或正在提交，不能取消；请刷新后再看")

    async def _guarded(self, task: OutreachTask) -> None:
        try:
            await self._looks.get(task.phase, self._look_at)(task)
        except RetryLater as error:
            self._room.heed(error)
            now = self._clock.now()
            fresh = error.errcode is not None and now - (task.asked_at or now) < USUAL
            await self._tasks.set(task, poll_at=now + (_SOON if fresh else USUAL))
        except (GiveUp, TellGuide, MendSettings) as error:
            if error.errcode == CANCELLED:
                await self._tasks.end(
                    task, TaskPhase.CANCELLED, TouchState.CANCELLED, error.message
                )
                return
            loggers.outreach.warning("a task cannot be read", task=task.id, exc_info=error)
            if self._clock.now() >= task.valid_until + _UNREADABLE_AFTER:
                reason = f"企业微信几天来一直读不出这个任务：{error.message}"
                await self._tasks.end(task, TaskPhase.UNKNOWN, TouchState.UNKNOWN, reason)

    async def _look_at_job(self, task: OutreachTask) -> None:
        """WeCom knows of a job for a day; later its moment is looked for among the corp's."""
        now = self._clock.now()
        over = task.asked_at is not None and now - task.asked_at > _DAY
        try:
            job = job_of(await self._client.moments.job(task.job_id or ""))
        except GiveUp:
            if not over:
                raise
            await self._look_for_moment(task)
            return
        if not job.done and over:
            await self._look_for_moment(task)
        elif not job.done:
            await self._tasks.set(task, poll_at=now + _SOON)
        elif job.errcode or not job.moment_id:
            reason = f"朋友圈任务没有建成：{job.problem}（错误码 {job.errcode}）"
            await self._tasks.end(task, TaskPhase.FAILED, TouchState.FAILED, reason)
        else:
            await self._set_asked(task, job.moment_id)

    async def _look_for_moment(self, task: OutreachTask) -> None:
        found = await self._read_back.look_for(task)
        if isinstance(found, str):
            await self._set_asked(task, found)
            return
        reason = "企业微信一直没有说朋友圈任务建成了没有，请到管理后台核对"
        await self._tasks.end(task, TaskPhase.UNKNOWN, TouchState.UNKNOWN, reason)

    async def _set_asked(self, task: OutreachTask, moment_id: str) -> None:
        later = self._clock.now() + _SOON
        await self._tasks.set(task, phase=TaskPhase.ASKED, remote_id=moment_id, poll_at=later)

    async def _look_at(self, task: OutreachTask) -> None:
        try:
            confirmed, over = await self._read(task)
        except RetryLater as error:
            if error.errcode != DISPATCHING or not await self._called_off(task):
                raise
            return
        if task.kind == TaskKind.MOMENT and await self._moments.is_late(task):
            await self._stop(task)
            await self._read(task)
        if over:
            await self._tasks.set(task, phase=TaskPhase.DONE, poll_at=None)
        elif not confirmed:
            await self._chase(task)
        elif task.kind != TaskKind.MOMENT and self._clock.now() >= task.valid_until + _DAY:
            await self._tasks.end(task, TaskPhase.DONE, TouchState.FAILED, _LEFT_OUT)

    async def _read(self, task: OutreachTask) -> tuple[bool, bool]:
        return await (self._moments if task.kind == TaskKind.MOMENT else self._sends).read(task)

    async def _chase(self, task: OutreachTask) -> None:
        """Nobody has confirmed yet: cancel what is late or unwanted, else remind now and then."""
        now = self._clock.now()
        if not await self._called_off(task) and self._may_remind(task, now):
            await self._remind(task, now)

    async def _called_off(self, task: OutreachTask) -> bool:
        """Whether the task was cancelled because it is late, or nobody wants it any more."""
        if (rule := await self._unwanted(task)) is not None:
            await self._cancel(task, rule.zh, rule)
        elif self._clock.now() >= task.valid_until:
            await self._cancel(task, _UNCONFIRMED, Rule.TOO_LATE)
        elif await self._renewals.due(task):
            if await self._tasks.set(task, phase=TaskPhase.RENEWING):
                await self._renew(task)
        else:
            return False
        return True

    async def _renew(self, task: OutreachTask) -> None:
        """Cancel the task and have the rest asked for again, unless the guide was faster.

        WeCom may tell nothing of a task once it is cancelled, so it is asked before and after.
        """
        if not await self._is_confirmed(task, but=(CANCELLED, DISPATCHING)):
            await self._stop(task)
            if not await self._is_confirmed(task, but=(CANCELLED,)):
                await self._renewals.part(task)
                loggers.outreach.info("a task is asked again without who left", task=task.id)
                return
        await self._tasks.set(task, phase=TaskPhase.ASKED)

    async def _is_confirmed(self, task: OutreachTask, *, but: Sequence[int]) -> bool:
        """What WeCom refuses to tell with one of these codes was not confirmed.

        A post that the first of its guides has published goes on for the others.
        """
        try:
            confirmed, _ = await self._read(task)
        except WeComError as error:
            if error.errcode not in but:
                raise
            return False
        return confirmed or not await self._renewals.waits(task)

    async def _unwanted(self, task: OutreachTask) -> Rule | None:
        """The exit that came true for all whom the task was for; None while anyone is left."""
        async with self._database.read() as session:
            rows = (
                await session.scalars(
                    select(TouchRow.unwanted).where(
                        TouchRow.task_id == task.id, TouchRow.status == TouchState.ASKED
                    )
                )
            ).all()
        if not rows or any(rule is None for rule in rows):
            return None
        return Rule(rows[0]) if rows[0] else None

    def _may_remind(self, task: OutreachTask, now: datetime) -> bool:
        recent = _recent(task, now)
        last = max(recent, default=task.asked_at or now)
        span = self._plans.calendar.next_span(now)
        awake = span is not None and span.start <= now
        return awake and len(recent) < _MOST_REMINDERS and now - last >= self._remind_after

    async def _remind(self, task: OutreachTask, now: datetime) -> None:
        reminders = [*task.reminders, now.isoformat()]
        async with self._database.write() as session:
            known = await session.get_one(OutreachTask, task.id, with_for_update=True)
            if known.reminders != task.reminders:
                return  # another replica was faster
            known.reminders = reminders[-10:]
        if task.kind == TaskKind.MOMENT:
            await self._moments.remind(task, len(reminders))
            return
        try:
            await self._client.mass_sends.remind(task.remote_id or "")
        except WeComError as error:
            if error.errcode != REMINDED_TOO_OFTEN:
                raise
        loggers.outreach.info("guides were reminded", task=task.id)

    async def _cancel(
        self, task: OutreachTask, reason: str, rule: Rule | None, *, overrule: bool = False
    ) -> None:
        """What a guide confirmed a moment earlier has gone out, so it is read once more."""
        await self._stop(task)
        with contextlib.suppress(WeComError):
            await self._read(task)
        end = (TaskPhase.CANCELLED, TouchState.CANCELLED, reason, rule)
        await self._tasks.end(task, *end, overrule=overrule)

    async def _stop(self, task: OutreachTask) -> None:
        """Cancelling twice is refused with a code that says it was cancelled before."""
        api = self._client.moments if task.kind == TaskKind.MOMENT else self._client.mass_sends
        try:
            await api.cancel(task.remote_id or "")
        except WeComError as error:
            if error.errcode != CANCELLED:
                raise


def _recent(task: OutreachTask, now: datetime) -> list[datetime]:
    """When its guides were reminded within the last day."""
    return [at for at in map(datetime.fromisoformat, task.reminders) if at > now - _DAY]
