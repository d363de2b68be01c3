"""`/journeys/{journey}/old-words`: what guides were asked to say before an edit, asked anew."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel

from bot.errors import Conflict, NotFound
from bot.outreach.old_words import Mend, Rewording
from bot.web.api.customers import BY_API
from bot.web.api.endpoint import Endpoint, is_keepable
from bot.web.keys import JOURNEYS, OUTREACH


class OldWordsView(BaseModel):
    """`guides` have not confirmed; `mend` is `ask_anew` where that can be, else why not."""

    task: int
    kind: str
    step: str
    segment: str
    guides: list[str]
    customers: int
    mend: Mend


class OldWordsList(BaseModel):
    items: list[OldWordsView]


class AskedAnew(BaseModel):
    """How many tasks are taken back and asked again."""

    tasks: int


async def list_old_words(request: web.Request, query: object, body: object) -> OldWordsList:
    journey = await _journey(request)
    return OldWordsList(
        items=[
            OldWordsView(
                task=one.task_id,
                kind=one.kind,
                step=one.step,
                segment=one.segment,
                guides=list(one.waiting),
                customers=one.people,
                mend=one.mend,
            )
            for one in await _rewording(request).found(journey)
        ]
    )


async def ask_anew(request: web.Request, query: object, body: object) -> AskedAnew:
    journey, step = await _journey(request), request.match_info["step"]
    if not is_keepable(step):
        raise NotFound("没有这一步")
    return AskedAnew(tasks=await _rewording(request).ask_anew(journey, step, by=BY_API))


async def _journey(request: web.Request) -> str:
    journey = request.match_info["journey"]
    if not is_keepable(journey):
        raise NotFound("没有这个旅程")
    return (await request.app[JOURNEYS].get(journey)).id


def _rewording(request: web.Request) -> Rewording:
    outreach = request.app[OUTREACH]
    if outreach is None:
        raise Conflict("触达没有开启：请把 outreach.enabled 设为 true 后重启")
    return outreach.rewording


ENDPOINTS = (
    Endpoint(
        "GET",
        "/journeys/{journey}/old-words",
        list_old_words,
        "改过旅程以后，导购手机上还是旧的话的任务：哪一步、还有哪些导购没确认、能不能换",
        OldWordsList,
        errors=(NotFound, Conflict),
    ),
    Endpoint(
        "POST",
        "/journeys/{journey}/steps/{step}/ask-anew",
        ask_anew,
        "撤回一步还没确认的任务，用新的话重新请导购确认",
        AskedAnew,
        errors=(NotFound, Conflict),
    ),
)
