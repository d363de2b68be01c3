"""`/nlu`: what the layer was unsure of, what it was taught, and training."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field

from bot.errors import Conflict, NotFound, Unprocessable
from bot.store.nlu_tables import NluExample, NluReview
from bot.web.api.endpoint import Body, Endpoint, PageQuery, path_id
from bot.web.keys import SETTINGS, TEACHING, TRAIN
from intents import NluError


class ReviewView(BaseModel):
    id: int
    suggestion_id: int
    text: str
    guess: str
    confidence: float
    proposed: str | None
    because: str
    created_at: datetime


class ReviewList(BaseModel):
    items: list[ReviewView]


class Verdict(Body):
    intent: str = Field(min_length=1, max_length=64)


class NewExample(Verdict):
    text: str = Field(min_length=1, max_length=200)


class ExampleView(BaseModel):
    id: int
    text: str
    intent: str
    added_by: str


class ExampleList(BaseModel):
    items: list[ExampleView]


class Decided(BaseModel):
    id: int
    status: str


class Trained(BaseModel):
    model: str


async def list_review(request: web.Request, query: PageQuery, body: None) -> ReviewList:
    rows = await request.app[TEACHING].queue(after=query.after, limit=query.limit)
    return ReviewList(items=[_review(request, row) for row in rows])


async def accept(request: web.Request, query: object, body: Verdict) -> ExampleView:
    example = await request.app[TEACHING].accept(path_id(request), body.intent, by="api")
    return _example(example)


async def dismiss(request: web.Request, query: object, body: Body) -> Decided:
    await request.app[TEACHING].dismiss(path_id(request), by="api")
    return Decided(id=path_id(request), status="dismissed")


async def list_examples(request: web.Request, query: object, body: None) -> ExampleList:
    rows = await request.app[TEACHING].examples()
    return ExampleList(items=[_example(row) for row in rows])


async def add_example(request: web.Request, query: object, body: NewExample) -> ExampleView:
    return _example(await request.app[TEACHING].add(body.text, body.intent, by="api"))


async def remove_example(request: web.Request, query: object, body: None) -> Decided:
    await request.app[TEACHING].remove(path_id(request))
    return Decided(id=path_id(request), status="removed")


async def train(request: web.Request, query: object, body: Body) -> Trained:
    try:
        return Trained(model=await request.app[TRAIN]())
    except NluError as error:
        raise Unprocessable(str(error)) from None


def _review(request: web.Request, row: NluReview) -> ReviewView:
    return ReviewView(
        id=row.id,
        suggestion_id=row.suggestion_id,
        text=row.text,
        guess=row.guess,
        confidence=row.confidence,
        proposed=row.proposed,
        because=row.because,
        created_at=row.created_at.astimezone(request.app[SETTINGS].shop.zone),
    )


def _example(row: NluExample) -> ExampleView:
    return ExampleView(id=row.id, text=row.text, intent=row.intent, added_by=row.added_by)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/nlu/review",
        list_review,
        "待审的话：没把握的，和导购改过意图的",
        ReviewList,
        query=PageQuery,
        errors=(Unprocessable,),
    ),
    Endpoint(
        "POST",
        "/nlu/review/{id}/accept",
        accept,
        "采纳为例句",
        ExampleView,
        body=Verdict,
        errors=(NotFound, Conflict, Unprocessable),
    ),
    Endpoint(
        "POST",
        "/nlu/review/{id}/dismiss",
        dismiss,
        "不采纳",
        Decided,
        body=Body,
        errors=(NotFound, Conflict),
    ),
    Endpoint("GET", "/nlu/examples", list_examples, "本店的例句", ExampleList),
    Endpoint(
        "POST",
        "/nlu/examples",
        add_example,
        "添加例句",
        ExampleView,
        body=NewExample,
        status=201,
        errors=(Conflict, Unprocessable),
    ),
    Endpoint(
        "DELETE",
        "/nlu/examples/{id}",
        remove_example,
        "删除例句",
        Decided,
        errors=(NotFound,),
    ),
    Endpoint(
        "POST",
        "/nlu/train",
        train,
        "用现有例句重新训练并换上新模型（约半分钟）",
        Trained,
        body=Body,
        errors=(Unprocessable,),
    ),
)
