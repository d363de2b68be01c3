"""A journey as a text for those who know YAML: written, rehearsed, saved with faults by line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from aiohttp import web

from bot.errors import Conflict
from bot.outreach.journey_shelf import JourneyRefused, Shelved
from bot.web.console.answers import is_htmx, page
from bot.web.console.desk import desk
from bot.web.console.journey_cards import card_of, journey_id, journey_path, version_asked
from bot.web.console.journey_old_words import old_steps
from bot.web.console.journey_rehearsal import DAYS, rehearsed
from bot.web.console.keys import SIGNED
from bot.web.console.outreach_desk import ROOT, outreach_page
from bot.web.console.shell import form_of, went
from bot.web.keys import JOURNEYS
from scheduler import Problem

LIST = f"{ROOT}/journeys"
NEW = f"{ROOT}/new-journey"
_STARTER = """\
version: 1
journeys:
- id: tea_time                  # 编号：小写字母、数字和 _ . -
  name: 下午茶问候
  priority: 50                  # 0 到 100，抢同一时段时大的先
  triggers:
  - tag_added: [老客]
  exits: [replied, bought]
  steps:
  - id: hello
    purpose: 问候老客
    kind: nudge
    at: {day: 1, time: "15:00"}
    window: "14:00-17:00"
    catch_up: {send_late: 24}
    content:
      default: {text: "{customer_name|您}好，店里这周到了新款，给您留了一杯热茶。"}
"""


async def show_new(request: web.Request) -> web.Response:
    return await _editor(request, None, _STARTER)


async def show_text(request: web.Request) -> web.Response:
    """The text as it stands, or an older version to look at."""
    journey = journey_id(request)
    shelf = request.app[JOURNEYS]
    shelved = await shelf.get(journey)
    looked = version_asked(request)
    return await _editor(request, shelved, await shelf.text(journey, looked), looked=looked)


async def save(request: web.Request) -> web.Response:
    """Keep the text as a new version; every fault is shown with its line."""
    journey, form = journey_id(request), await form_of(request)
    seen = form.get("seen", "")
    await _save(request, form, journey=journey, seen=int(seen) if seen.isdigit() else None)
    return went(request, f"{journey_path(journey)}/yaml", "saved")


async def create(request: web.Request) -> web.Response:
    """A new journey waits for its switch."""
    made = await _save(request, await form_of(request), journey=None, seen=None)
    return went(request, journey_path(made.id), "created")


async def rehearse(request: web.Request) -> web.Response:
    """Check the text and show what one customer of a segment would get; nothing is kept."""
    form = await form_of(request)
    journey = form.get("journey") or None
    try:
        shown = await rehearsed(request, form, text=_text(form), journey=journey)
    except JourneyRefused as error:
        return _problems(request, error.problems)
    return page(request, "_outreach_preview.html", preview=shown, problems=[])


async def _save(
    request: web.Request, form: dict[str, str], *, journey: str | None, seen: int | None
) -> Shelved:
    try:
        return await request.app[JOURNEYS].save(
            _text(form),
            by=request[SIGNED].user,
            journey=journey,
            seen=seen,
            note=form.get("note", "").strip(),
        )
    except JourneyRefused as error:
        raise _Refused(await _again(request, form, journey, error.problems)) from None
    except Conflict as error:
        words = desk(request).words("journey.conflict") if journey else error.message
        problem = Problem("", None, None, words, "")
        raise _Refused(await _again(request, form, journey, [problem])) from None


class _Refused(Exception):
    """A text was not saved; `answer` shows it again with what is wrong."""

    def __init__(self, answer: web.Response) -> None:
        super().__init__()
        self.answer = answer


Handler = Callable[[web.Request], Awaitable[web.Response]]


def _or_refusal(handler: Handler) -> Handler:
    async def answered(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except _Refused as refused:
            return refused.answer

    return answered


async def _again(
    request: web.Request, form: dict[str, str], journey: str | None, problems: Collection[Problem]
) -> web.Response:
    """With scripts only the list of faults changes; without, the page comes back as it was."""
    if is_htmx(request):
        return _problems(request, problems)
    shelved = await request.app[JOURNEYS].get(journey) if journey else None
    return await _editor(request, shelved, _text(form), problems=problems, note=form.get("note"))


def _problems(request: web.Request, problems: Collection[Problem]) -> web.Response:
    return page(request, "_outreach_preview.html", preview=None, problems=list(problems))


async def _editor(
    request: web.Request,
    shelved: Shelved | None,
    text: str,
    *,
    looked: int | None = None,
    problems: Collection[Problem] = (),
    note: str | None = None,
) -> web.Response:
    here = desk(request)
    found, faults = None, list(problems or (shelved.problems if shelved else ()))
    if not faults:
        try:
            journey = shelved.id if shelved else None
            found = await rehearsed(request, text=text, journey=journey)
        except JourneyRefused as error:
            faults = list(error.problems)
    versions = await request.app[JOURNEYS].versions(shelved.id) if shelved else []
    return await outreach_page(
        request,
        "outreach_journey_yaml.html",
        tab="journeys",
        card=card_of(here, shelved, {}) if shelved else None,
        text=text,
        looked=looked,
        seen=(shelved.number or 0) if shelved else 0,
        note=note or "",
        problems=faults,
        preview=found,
        days=DAYS,
        versions=[(one, here.time(one.saved_at)) for one in versions],
        view="yaml",
        old_words=await old_steps(request, shelved.id if shelved else None),
        save_path=f"{journey_path(shelved.id)}/yaml" if shelved else NEW,
        rehearse_path=f"{ROOT}/rehearse",
    )


def _text(form: dict[str, str]) -> str:
    return form.get("text", "").replace("\r\n", "\n")


ROUTES = (
    web.get(NEW, show_new),
    web.post(NEW, _or_refusal(create)),
    web.post(f"{ROOT}/rehearse", rehearse),
    web.get(LIST + "/{journey}/yaml", show_text),
    web.post(LIST + "/{journey}/yaml", _or_refusal(save)),
)
