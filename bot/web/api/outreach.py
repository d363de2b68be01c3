"""`/outreach-tasks` and `/journeys/…/results`: what guides confirm, and what came of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from aiohttp import web
from pydantic import BaseModel, Field

from bot.errors import AlreadyDecided, Conflict, NotFound
from bot.outreach.step_results import COMMENTED, LIKED, StepResult, step_results
from bot.outreach.task_desk import TaskDesk
from bot.outreach.task_polling import TaskPoller
from bot.store.outreach_tables import OutreachTask, TaskPhase
from bot.web.api.customers import BY_API
from bot.web.api.endpoint import Body, Endpoint, is_keepable, path_id
from bot.web.keys import CLOCK, DATABASE, OUTREACH, SETTINGS
from scheduler import ArmResult, Interval, wilson


class ResultQuery(Body):
    """Only touches that were due in the last so many days."""

    days: int | None = Field(None, ge=1, le=3650)


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
    remote_id: str | None
    guides: dict[str, bool]


class TaskList(BaseModel):
    items: list[TaskView]


class Verdict(Body):
    """Whether the task is there in WeCom's admin console; one that is not may be dropped."""

    happened: bool
    repeat: bool = True


class ArmView(BaseModel):
    name: str
    sent: int
    replied: int
    rate: float
    low: float
    high: float


class RateView(BaseModel):
    """A share of the people reached, with Wilson's 95 % interval."""

    rate: float
    low: float
    high: float


class StepView(BaseModel):
    """Touches: `planned` = `open` + `sent` + `failed` + those skipped, by rule. People:
    `reached` (viewers of a post), what they did, and the rates of it.

    `arms` compares variants by replies; `lead` is by how much the best is ahead, and `wanted`
    how many of each it takes to tell.
    """

    step: str
    kind: str
    planned: int
    open: int
    sent: int
    failed: int
    skipped: dict[str, int]
    reached: int
    liked: int
    commented: int
    replied: int
    bought: int
    reply_rate: RateView | None
    purchase_rate: RateView | None
    arms: list[ArmView]
    lead: RateView | None
    wanted: int | None
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
        remote_id=task.remote_id,
        guides={str(guide): bool(done) for guide, done in task.guides.items()},
    )


def _desk(request: web.Request) -> TaskDesk:
    return TaskDesk(request.app[DATABASE], request.app[CLOCK])


async def list_tasks(request: web.Request, query: TaskQuery, body: None) -> TaskList:
    found = await _desk(request).list(phase=query.phase, limit=query.limit)
    return TaskList(items=[_view(request, task) for task in found])


async def decide(request: web.Request, query: object, body: Verdict) -> TaskView:
    task = await _desk(request).decide(
        path_id(request), happened=body.happened, repeat=body.repeat
    )
    return _view(request, task)


def _poller(request: web.Request) -> TaskPoller:
    outreach = request.app[OUTREACH]
    if outreach is None:
        raise Conflict("触达没有开启：请把 outreach.enabled 设为 true 后重启")
    return outreach.poller


async def remind(request: web.Request, query: object, body: None) -> TaskView:
    poller, desk = _poller(request), _desk(request)
    await poller.remind(await desk.get(path_id(request)))
    return _view(request, await desk.get(path_id(request)))


async def cancel(request: web.Request, query: object, body: None) -> TaskView:
    poller, desk = _poller(request), _desk(request)
    await poller.cancel(await desk.get(path_id(request)), by=BY_API)
    return _view(request, await desk.get(path_id(request)))


async def show_results(request: web.Request, query: ResultQuery, body: None) -> ResultView:
    journey = request.match_info["journey"]
    if not is_keepable(journey):
        raise NotFound("没有这个旅程")
    since = request.app[CLOCK].now() - timedelta(days=query.days) if query.days else None
    async with request.app[DATABASE].read() as session:
        found = await step_results(session, journey, since=since)
    return ResultView(journey=journey, steps=[_step(one) for one in found])


def _step(one: StepResult) -> StepView:
    counts, read = one.figures, one.arms
    return StepView(
        step=one.step,
        kind=one.kind,
        planned=counts.planned,
        open=counts.open,
        sent=counts.sent,
        failed=counts.failed,
        skipped=dict(counts.skipped.most_common()),
        reached=one.people,
        liked=one.echo(LIKED),
        commented=one.echo(COMMENTED),
        replied=one.replied,
        bought=one.bought,
        reply_rate=_share(one.replied, one.people),
        purchase_rate=_share(one.bought, one.people),
        arms=[_arm(arm) for arm in (read.arms if read else ())],
        lead=_rate(read.lead) if read and read.lead else None,
        wanted=read.wanted if read else None,
        verdict=read.verdict if read else None,
    )


def _arm(arm: ArmResult) -> ArmView:
    bounds = arm.interval
    return ArmView(
        name=arm.name,
        sent=arm.sent,
        replied=arm.successes,
        rate=bounds.rate,
        low=bounds.low,
        high=bounds.high,
    )


def _share(count: int, people: int) -> RateView | None:
    return _rate(wilson(min(count, people), people)) if people else None


def _rate(interval: Interval) -> RateView:
    return RateView(rate=interval.rate, low=interval.low, high=interval.high)


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
        "结果不明的任务，由人核对后决定：已建成；没有建成的，重新提交或不再发送",
        TaskView,
        body=Verdict,
        errors=(NotFound, AlreadyDecided),
    ),
    Endpoint(
        "POST",
        "/outreach-tasks/{id}/remind",
        remind,
        "提醒还没有确认的导购（24 小时内最多 3 次）",
        TaskView,
        errors=(NotFound, Conflict),
    ),
    Endpoint(
        "POST",
        "/outreach-tasks/{id}/cancel",
        cancel,
        "取消任务：已确认的不受影响，其余的不再发送",
        TaskView,
        errors=(NotFound, Conflict),
    ),
    Endpoint(
        "GET",
        "/journeys/{journey}/results",
        show_results,
        "旅程每一步的计划、发出、按规则没发、看到、回复、成交，和实验各组的区间",
        ResultView,
        query=ResultQuery,
        errors=(NotFound,),
    ),
)
