"""`/journeys`: read, checked, rehearsed, edited, switched, and put back to an earlier version."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, Field

from bot.errors import Conflict, NotFound
from bot.outreach.journey_preview import preview
from bot.outreach.journey_shelf import JourneyRefused, JourneyShelf, Shelved
from bot.web.api.customers import BY_API
from bot.web.api.endpoint import Body, Endpoint, is_keepable
from bot.web.keys import CLOCK, JOURNEYS, SETTINGS
from scheduler import Problem

Name = Annotated[str, Field(max_length=64)]


class ProblemView(BaseModel):
    file: str
    line: int | None
    fault: str
    mend: str


class StepOutline(BaseModel):
    id: str
    kind: str
    purpose: str


class JourneyView(BaseModel):
    """`version` is empty while the journey goes by its file."""

    id: str
    name: str
    priority: int | None
    enabled: bool
    runs: bool
    version: int | None
    file: str | None
    changed_by: str
    changed_at: datetime | None
    segments: dict[str, str]
    steps: list[StepOutline]
    problems: list[ProblemView]


class JourneyList(BaseModel):
    items: list[JourneyView]


class JourneyText(JourneyView):
    text: str


class VersionView(BaseModel):
    version: int
    saved_by: str
    saved_at: datetime
    note: str


class VersionList(BaseModel):
    items: list[VersionView]


class TextQuery(Body):
    """`version` 0 is the text of the file."""

    version: int | None = Field(None, ge=0, le=1_000_000)


class NewJourney(Body):
    text: str
    note: str = Field("", max_length=200)


class EditedJourney(NewJourney):
    """`seen` is the version that the edit began with, 0 for the file's."""

    seen: int | None = Field(None, ge=0, le=1_000_000)


class Checking(Body):
    text: str
    journey: str | None = Field(None, max_length=64)


class Checked(BaseModel):
    ok: bool
    journey: str | None
    problems: list[ProblemView]


class Rehearsing(Body):
    """Either a `text` being written or the id of a `journey`.

    `with_others`: true for the same customer on all running journeys, or ids of some.
    """

    text: str | None = None
    journey: str | None = Field(None, max_length=64)
    segment: str | None = Field(None, max_length=64)
    days: int = Field(7, ge=1, le=92)
    with_others: bool | Annotated[list[Name], Field(max_length=100)] = False


class RehearsalView(BaseModel):
    journey: str
    segment: str
    rows: list[dict[str, Any]]


class Switch(Body):
    enabled: bool


class Restored(Body):
    version: int = Field(ge=0, le=1_000_000)


def _shelf(request: web.Request) -> JourneyShelf:
    return request.app[JOURNEYS]


def _id(request: web.Request) -> str:
    journey = request.match_info["journey"]
    if not is_keepable(journey):
        raise NotFound("没有这个旅程")
    return journey


def _problem(one: Problem) -> ProblemView:
    return ProblemView(file=one.file, line=one.line, fault=one.fault, mend=one.mend)


def _view(request: web.Request, one: Shelved) -> JourneyView:
    zone = request.app[SETTINGS].shop.zone
    journey = one.journey
    return JourneyView(
        id=one.id,
        name=journey.name if journey else one.id,
        priority=journey.priority if journey else None,
        enabled=one.enabled,
        runs=one.runs,
        version=one.number,
        file=one.file,
        changed_by=one.changed_by,
        changed_at=one.changed_at and one.changed_at.astimezone(zone),
        segments={each.name: each.zh for each in journey.segments} if journey else {},
        steps=[
            StepOutline(id=step.id, kind=step.kind.value, purpose=step.purpose)
            for step in (journey.steps if journey else ())
        ],
        problems=[_problem(each) for each in one.problems],
    )


async def list_journeys(request: web.Request, query: object, body: None) -> JourneyList:
    return JourneyList(items=[_view(request, one) for one in await _shelf(request).all()])


async def show_journey(request: web.Request, query: TextQuery, body: None) -> JourneyText:
    shelf, journey = _shelf(request), _id(request)
    view = _view(request, await shelf.get(journey))
    text = await shelf.text(journey, query.version)
    return JourneyText(text=text, **view.model_dump())


async def create(request: web.Request, query: object, body: NewJourney) -> JourneyView:
    return _view(request, await _shelf(request).save(body.text, by=BY_API, note=body.note))


async def edit(request: web.Request, query: object, body: EditedJourney) -> JourneyView:
    saved = await _shelf(request).save(
        body.text, by=BY_API, journey=_id(request), seen=body.seen, note=body.note
    )
    return _view(request, saved)


async def switch(request: web.Request, query: object, body: Switch) -> JourneyView:
    shelved = await _shelf(request).switch(_id(request), enabled=body.enabled, by=BY_API)
    return _view(request, shelved)


async def restore(request: web.Request, query: object, body: Restored) -> JourneyView:
    return _view(request, await _shelf(request).restore(_id(request), body.version, by=BY_API))


async def list_versions(request: web.Request, query: object, body: None) -> VersionList:
    shelf, journey = _shelf(request), _id(request)
    await shelf.get(journey)
    zone = request.app[SETTINGS].shop.zone
    items = [
        VersionView(
            version=row.number,
            saved_by=row.saved_by,
            saved_at=row.saved_at.astimezone(zone),
            note=row.note,
        )
        for row in await shelf.versions(journey)
    ]
    return VersionList(items=items)


async def check(request: web.Request, query: object, body: Checking) -> Checked:
    try:
        found = await _shelf(request).checked(body.text, journey=body.journey)
    except JourneyRefused as error:
        problems = [_problem(one) for one in error.problems]
        return Checked(ok=False, journey=None, problems=problems)
    return Checked(ok=True, journey=found.id, problems=[])


async def rehearse(request: web.Request, query: object, body: Rehearsing) -> RehearsalView:
    shown = await preview(
        _shelf(request),
        request.app[SETTINGS],
        request.app[CLOCK].now(),
        text=body.text,
        journey=body.journey,
        segment=body.segment,
        days=body.days,
        others=body.with_others,
    )
    return RehearsalView(
        journey=shown.journey.id,
        segment=shown.segment,
        rows=[row.as_dict() for row in shown.rows],
    )


_REFUSALS = (NotFound, JourneyRefused, Conflict)
ENDPOINTS = (
    Endpoint("GET", "/journeys", list_journeys, "全部旅程：开关、版本、步骤", JourneyList),
    Endpoint(
        "POST",
        "/journeys",
        create,
        "新旅程：检查后保存，先是停用的",
        JourneyView,
        body=NewJourney,
        status=201,
        errors=(JourneyRefused, Conflict),
    ),
    Endpoint(
        "POST",
        "/journeys/check",
        check,
        "检查一段旅程的 YAML：每处错在哪一行、怎么改；什么也不保存",
        Checked,
        body=Checking,
    ),
    Endpoint(
        "POST",
        "/journeys/preview",
        rehearse,
        "预演一个旅程或一段还没保存的 YAML：一位样例客户每天会收到什么、被其他旅程挤到哪里",
        RehearsalView,
        body=Rehearsing,
        errors=(NotFound, JourneyRefused),
    ),
    Endpoint(
        "GET",
        "/journeys/{journey}",
        show_journey,
        "一个旅程和它的 YAML",
        JourneyText,
        query=TextQuery,
        errors=(NotFound,),
    ),
    Endpoint(
        "PUT",
        "/journeys/{journey}",
        edit,
        "改旅程：保存为新的一版，马上生效",
        JourneyView,
        body=EditedJourney,
        errors=_REFUSALS,
    ),
    Endpoint(
        "GET",
        "/journeys/{journey}/versions",
        list_versions,
        "旅程保存过的各版",
        VersionList,
        errors=(NotFound,),
    ),
    Endpoint(
        "POST",
        "/journeys/{journey}/restore",
        restore,
        "回到某一版；0 是随附的文件",
        JourneyView,
        body=Restored,
        errors=_REFUSALS,
    ),
    Endpoint(
        "POST",
        "/journeys/{journey}/switch",
        switch,
        "启用或停用",
        JourneyView,
        body=Switch,
        errors=(NotFound,),
    ),
)
