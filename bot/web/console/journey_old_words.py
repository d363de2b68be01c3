"""What guides were asked to say before an edit: told on the journey's page, and asked anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from bot.errors import Conflict
from bot.outreach.old_words import Mend, OldWords
from bot.web.console.desk import Desk, desk
from bot.web.console.journey_cards import LIST, journey_id, journey_path, step_path
from bot.web.console.keys import SIGNED
from bot.web.console.outreach_desk import segment_label
from bot.web.console.shell import went
from bot.web.keys import OUTREACH
from scheduler import Journey


@dataclass(frozen=True, slots=True)
class OldStep:
    """One step with old words at WeCom; `act` asks anew, empty where nothing can be."""

    kind: str
    purpose: str
    path: str
    act: str
    askable: int
    who: str
    why: list[str]


async def old_steps(request: web.Request, journey: str | None) -> list[OldStep]:
    """Steps of a journey whose words are not what guides were asked to confirm."""
    outreach = request.app[OUTREACH]
    known = outreach.plans.journeys.get(journey or "") if outreach is not None else None
    if outreach is None or known is None:
        return []
    by_step: defaultdict[str, list[OldWords]] = defaultdict(list)
    for one in await outreach.rewording.found(known.id):
        by_step[one.step].append(one)
    here = desk(request)
    return [_step(here, known, step.id, by_step[step.id]) for step in known.steps
            if step.id in by_step]  # fmt: skip


async def journeys_of_old_tasks(request: web.Request) -> Mapping[int, str]:
    """By task with old words, the page of its journey, which tells what can be done."""
    outreach = request.app[OUTREACH]
    if outreach is None:
        return {}
    found = await outreach.rewording.found()
    return {one.task_id: f"{journey_path(one.journey)}#old-words" for one in found}


def _step(here: Desk, journey: Journey, step_id: str, tasks: Sequence[OldWords]) -> OldStep:
    step, say = journey.step(step_id), here.words
    path = step_path(journey.id, step_id)
    by_mend: defaultdict[Mend, list[OldWords]] = defaultdict(list)
    for one in tasks:
        by_mend[one.mend].append(one)
    who = [_whom(here, journey, tasks)]
    if people := sum(one.people for one in tasks):
        who.append(say("tasks.people", n=people))
    why = {mend: say(f"old.{mend}") for mend in by_mend if mend is not Mend.ASK_ANEW}
    if len(by_mend) > 1:
        why = {mend: say("old.of", who=_whom(here, journey, by_mend[mend]), why=why[mend])
               for mend in why}  # fmt: skip
    return OldStep(
        kind=step.kind if step else "",
        purpose=step.purpose if step else step_id,
        path=path,
        act=f"{path}/ask-anew" if Mend.ASK_ANEW in by_mend else "",
        askable=len(_guides(by_mend.get(Mend.ASK_ANEW, ()))),
        who=" · ".join(who),
        why=list(why.values()),
    )


def _guides(tasks: Sequence[OldWords]) -> set[str]:
    return {guide for one in tasks for guide in one.waiting}


def _whom(here: Desk, journey: Journey, tasks: Sequence[OldWords]) -> str:
    """Segments that tell people apart, in the journey's order, and how many guides."""
    meant = {one.segment for one in tasks}
    names = [one.name for one in journey.segments if one.name in meant]
    labels = [label for name in names if (label := segment_label(journey, name, here.words))]
    waiting = here.words("old.waiting", n=len(_guides(tasks)))
    return f"{here.words('comma').join(labels)} · {waiting}" if labels else waiting


async def ask_anew(request: web.Request) -> web.Response:
    """Take back what guides have not confirmed of a step, and ask them in the words of now."""
    journey = journey_id(request)
    outreach = request.app[OUTREACH]
    if outreach is None:
        raise Conflict("触达没有开启：请把 outreach.enabled 设为 true 后重启")
    step, by = request.match_info["step"][:64], request[SIGNED].user
    await outreach.rewording.ask_anew(journey, step, by=by)
    return went(request, journey_path(journey), "asked_anew")


ROUTES = (web.post(LIST + "/{journey}/steps/{step}/ask-anew", ask_anew),)
