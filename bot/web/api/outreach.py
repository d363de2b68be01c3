"""`/outreach-tasks` and `/journeys/…/results`: what guides confirm, and what came of it."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field

from bot.errors import AlreadyDecided, NotFound
from bot.outreach.step_results import step_results
from bot.outreach.task_desk import TaskDesk
from bot.store.outreach_tables import OutreachTask, TaskPhase
from bot.web.api.endpoint import Body, Endpoint, is_keepable, path_id
from bot.web.keys import CLOCK, DATABASE, SETTINGS


class TaskQuery(Body):
    phase: TaskPhase | None = None
    limit: int = Field(50, ge=1, le=200)


class TaskView(BaseModel):
    id: int
    kind: str
    phase: str
    sender: str
    summary: str
    audience: int
    created_at: datetime
    valid_until: datetime
    reminders: int
    error: str | None


class TaskList(BaseModel):
    items: list[TaskView]


class Verdict(Body):
    """Whether the task is there in WeCom's admin console."""

    happened: bool


class ArmView(BaseModel):
    name: str
    sent: int
    replied: int
    rate: float
    low: float
    high: float


class StepView(BaseModel):
    step: str
    sent: int
    replied: int
    bought: int
    arms: list[ArmView]
    verdict: str | None


class ResultView(BaseModel):
    journey: str
    steps: list[StepView]


def _view(request: web.Request, task: OutreachTask) -> TaskView:
    zone = request.app[SETTINGS].shop.zone
    return TaskView(
        id=task.id,
        kind=task.kind,
        phase=task.phase,
        sender=task.sender,
        summary=task.summary,
        audience=len(task.audience),
        created_at=task.created_at.astimezone(zone),
        valid_until=task.valid_until.astimezone(zone),
        reminders=len(task.reminders),
        error=task.error,
    )


def _desk(request: web.Request) -> TaskDesk:
    return TaskDesk(request.app[DATABASE], request.app[CLOCK])


async def list_tasks(request: web.Request, query: TaskQuery, body: None) -> TaskList:
    found = await _desk(request).list(phase=query.phase, limit=query.limit)
    return TaskList(items=[_view(request, task) for task in found])


async def decide(request: web.Request, query: object, body: Verdict) -> TaskView:
    task = await _desk(request).decide(path_id(request), happened=body.happened)
    return _view(request, task)


async def show_results(request: web.Request, query: object, body: None) -> ResultView:
    journey = request.match_info["journey"]
    if not is_keepable(journey):
        raise NotFound("没有这个旅程")
    async with request.app[DATABASE].read() as session:
        found = await step_results(session, journey)
    steps = [
        StepView(
            step=one.step,
            sent=one.sent,
            replied=one.replied,
            bought=one.bought,
            arms=[
                ArmView(
                    name=arm.name,
                    sent=arm.sent,
                    replied=arm.successes,
                    rate=arm.interval.rate,
                    low=arm.interval.low,
                    high=arm.interval.high,
                )
                for arm in (one.arms.arms if one.arms else ())
            ],
            verdict=one.arms.verdict if one.arms else None,
        )
        for one in found
    ]
    return ResultView(journey=journey, steps=steps)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/outreach-tasks",
        list_tasks,
        "群发和朋友圈任务：等待导购确认、已完成、结果不明……",
        TaskList,
        query=TaskQuery,
    ),
    Endpoint(
        "POST",
        "/outreach-tasks/{id}/decide",
        decide,
        "结果不明的任务，由人核对后决定：已建成，或重新提交",
        TaskView,
        body=Verdict,
        errors=(NotFound, AlreadyDecided),
    ),
    Endpoint(
        "GET",
        "/journeys/{journey}/results",
        show_results,
        "旅程每一步的送达、回复、成交，和实验各组的区间",
        ResultView,
        errors=(NotFound,),
    ),
)
