"""Tasks that guides confirm, and those of unknown outcome, which wait for a person's word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import BadRequest, Conflict
from bot.outreach.task_desk import TaskDesk
from bot.outreach.task_polling import TaskPoller
from bot.store.outreach_tables import OutreachTask, TaskKind, TaskPhase, TouchRow
from bot.web.api.endpoint import path_id
from bot.web.console.desk import Desk, desk
from bot.web.console.journey_old_words import journeys_of_old_tasks
from bot.web.console.keys import SIGNED
from bot.web.console.outreach_desk import ROOT, all_confirmed, guides_by_id, outreach_page
from bot.web.console.shell import form_of, went
from bot.web.keys import CLOCK, DATABASE, OUTREACH
from scheduler import Audience

TASKS = f"{ROOT}/tasks"
_OPEN = (TaskPhase.ASKED, TaskPhase.NEW, TaskPhase.CREATING, TaskPhase.RENEWING)
_LIMIT, _ENDED = 200, 30
_DECISIONS = {"happened": (True, False), "repeat": (False, True), "drop": (False, False)}


@dataclass(frozen=True, slots=True)
class TaskCard:
    """One task as the page shows it; `guides` are (name, confirmed)."""

    id: int
    kind: str
    phase: str
    tone: str
    summary: str
    people: int
    guides: list[tuple[str, bool]]
    confirmed: int
    over: bool
    made: str
    called: str
    until: str
    reminders: int
    error: str


async def show_tasks(request: web.Request) -> web.Response:
    """Those to look at first, then those that wait for guides, then what has ended."""
    here = desk(request)
    async with here.database.read() as session:
        unknown = await _cards(session, here, [TaskPhase.UNKNOWN], _LIMIT)
        opened = await _cards(session, here, _OPEN, _LIMIT)
        ended = [phase for phase in TaskPhase if phase not in (*_OPEN, TaskPhase.UNKNOWN)]
        recent = await _cards(session, here, ended, _ENDED)
    return await outreach_page(
        request,
        "outreach_tasks.html",
        tab="tasks",
        unknown=unknown,
        waiting_tasks=[card for card in opened if not card.over],
        recent=[*(card for card in opened if card.over), *recent],
        old=await journeys_of_old_tasks(request),
    )


async def decide(request: web.Request) -> web.Response:
    """A person has looked in WeCom's admin console."""
    what = (await form_of(request)).get("what", "")
    if what not in _DECISIONS:
        raise BadRequest("请选一项：后台有没有这一条")
    happened, repeat = _DECISIONS[what]
    await _desk(request).decide(path_id(request), happened=happened, repeat=repeat)
    return went(request, TASKS, "decided")


async def remind(request: web.Request) -> web.Response:
    await _poller(request).remind(await _desk(request).get(path_id(request)))
    return went(request, TASKS, "reminded")


async def cancel(request: web.Request) -> web.Response:
    task = await _desk(request).get(path_id(request))
    await _poller(request).cancel(task, by=request[SIGNED].user)
    return went(request, TASKS, "called_off")


def _desk(request: web.Request) -> TaskDesk:
    return TaskDesk(request.app[DATABASE], request.app[CLOCK])


def _poller(request: web.Request) -> TaskPoller:
    outreach = request.app[OUTREACH]
    if outreach is None:
        raise Conflict("触达没有开启：请把 outreach.enabled 设为 true 后重启")
    return outreach.poller


async def _cards(
    session: AsyncSession, here: Desk, phases: Sequence[TaskPhase], limit: int
) -> list[TaskCard]:
    tasks = (
        await session.scalars(
            select(OutreachTask)
            .where(OutreachTask.phase.in_(phases))
            .order_by(OutreachTask.id.desc())
            .limit(limit)
        )
    ).all()
    ids = [task.id for task in tasks]
    counted = await session.execute(
        select(TouchRow.task_id, func.count())
        .where(TouchRow.task_id.in_(ids))
        .group_by(TouchRow.task_id)
    )
    people = {int(task_id or 0): int(count) for task_id, count in counted}
    posts = await session.execute(
        select(TouchRow.task_id, TouchRow.guides).where(
            TouchRow.task_id.in_(ids), TouchRow.audience == Audience.COHORT
        )
    )
    asked = {int(task_id or 0): list(map(str, guides)) for task_id, guides in posts}
    names = await guides_by_id(session)
    return [
        _card(here, task, people.get(task.id, 0), asked.get(task.id, []), names) for task in tasks
    ]


def _card(
    here: Desk, task: OutreachTask, people: int, asked: list[str], names: dict[str, str]
) -> TaskCard:
    stand = {str(userid): bool(done) for userid, done in task.guides.items()}
    if not stand:
        stand = dict.fromkeys([task.sender] if task.sender else asked, False)
    over = task.phase == TaskPhase.ASKED and all_confirmed(task.guides)
    tones = {TaskPhase.DONE: "done", TaskPhase.FAILED: "failed", TaskPhase.UNKNOWN: "failed"}
    return TaskCard(
        id=task.id,
        kind=task.kind,
        phase="confirmed" if over else task.phase,
        tone="done"
        if over
        else tones.get(TaskPhase(task.phase), "waits" if task.phase in _OPEN else "off"),
        summary=task.summary,
        people=0 if task.kind == TaskKind.MOMENT else people,
        guides=[(names.get(userid, userid), done) for userid, done in stand.items()],
        confirmed=sum(stand.values()),
        over=over,
        made=here.time(task.created_at),
        called=here.time(task.called_at) if task.called_at else "",
        until=here.time(task.valid_until),
        reminders=len(task.reminders),
        error=task.error or "",
    )


ROUTES = (
    web.get(TASKS, show_tasks),
    web.post(TASKS + "/{id:\\d+}/decide", decide),
    web.post(TASKS + "/{id:\\d+}/remind", remind),
    web.post(TASKS + "/{id:\\d+}/cancel", cancel),
)
