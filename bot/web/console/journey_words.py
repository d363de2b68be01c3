"""What begins and ends a journey, in a few words."""

from __future__ import annotations

from bot.web.console.desk import Desk
from scheduler import Journey, TriggerKind
from scheduler.journey import Trigger

_DAY_HOURS = 24


def trigger_words(here: Desk, journey: Journey) -> str:
    """All triggers in one line."""
    return here.words("comma").join(_trigger(here, one) for one in journey.triggers)


def exit_words(here: Desk, journey: Journey) -> str:
    """What ends it before its last step; opt-outs always do and go without saying."""
    return here.words("comma").join(
        dict.fromkeys(here.words(f"exit.{one.signal}") for one in journey.exits)
    )


def _trigger(here: Desk, one: Trigger) -> str:
    say = here.words
    if one.kind is TriggerKind.DATE:
        return _date(here, one)
    if one.kind is TriggerKind.BIRTHDAY:
        if one.days_before:
            return say("trigger.birthday.before", n=one.days_before)
        return say("trigger.birthday")
    what = say("comma").join(_value(here, one.kind, value) for value in one.values[:3])
    key = f"trigger.{one.kind}{'.of' if what else ''}"
    return say(key, what=what, hours=_span(here, one.hours))


def _span(here: Desk, hours: int) -> str:
    if hours and hours % _DAY_HOURS == 0 and hours > _DAY_HOURS:
        return here.words("days", n=hours // _DAY_HOURS)
    return here.words("hours", n=hours)


def _value(here: Desk, kind: TriggerKind, value: str) -> str:
    if kind is TriggerKind.STAGE_ENTERED:
        return here.stage(value)
    key = f"story.did.{value}"
    if key in here.words.texts:
        return here.words(key)
    return here.intent(value) if value in here.taxonomy.names else value


def _date(here: Desk, one: Trigger) -> str:
    say = here.words
    if one.weekly is not None:
        return say("trigger.date.weekly", day=say(f"day.{one.weekly}"))
    if one.monthly is not None:
        return say("trigger.date.monthly", day=one.monthly)
    if one.yearly is not None:
        return say("trigger.date.yearly", day=f"{one.yearly[0]}-{one.yearly[1]}")
    return say("trigger.date.on", day=one.on)
