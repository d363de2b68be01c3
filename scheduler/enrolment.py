"""Who walks a journey, how far they are, and what has happened to them meanwhile."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from .journey import Audience, Journey, SignalKind, Step
from .rules import Rule

_ALWAYS_EXITS = {
    SignalKind.OPTED_OUT: Rule.OPTED_OUT,
    SignalKind.UNFRIENDED: Rule.UNFRIENDED,
}
_EXIT_RULES = {
    **_ALWAYS_EXITS,
    SignalKind.REPLIED: Rule.REPLIED,
    SignalKind.BOUGHT: Rule.BOUGHT,
    SignalKind.STAGE_MOVED: Rule.STAGE_MOVED,
    SignalKind.TAG_REMOVED: Rule.TAG_REMOVED,
}


@dataclass(frozen=True, slots=True)
class Signal:
    """Something a customer did; `value` is the stage entered, the tag lost or the event."""

    kind: SignalKind
    at: datetime
    value: str | None = None

    @property
    def name(self) -> str:
        """How conditions and awaited events call it."""
        if self.kind is SignalKind.EVENT and self.value is not None:
            return self.value
        return self.kind.value


@dataclass(frozen=True, slots=True)
class KfWindow:
    """The customer-service window: the last customer message, and how many went out since."""

    opened_at: datetime
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Customer:
    """What planning must know of one customer now. The first guide is asked to send.

    `cohorts` are the moment cohorts whose tag the customer carries.
    """

    external_userid: str
    guides: tuple[str, ...] = ()
    cohorts: tuple[str, ...] = ()
    stage: str | None = None
    tags: frozenset[str] = frozenset()
    kf: KfWindow | None = None
    opted_out: bool = False


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One subject on one journey. Keep one row for each (journey, audience, subject).

    Signals later than `since` count; offsets run from `started_at`. `position` is the number
    of steps settled, `settled` when each was due to go out, and `not_before` the time to
    which the limits put the next step off.
    """

    journey: str
    audience: Audience
    subject: str
    segment: str
    started_at: datetime
    since: datetime
    cycle: str
    guides: tuple[str, ...] = ()
    signals: tuple[Signal, ...] = ()
    position: int = 0
    settled: tuple[tuple[str, datetime], ...] = ()
    not_before: datetime | None = None
    deferred_by: Rule | None = None
    ended_by: Rule | None = None

    @property
    def active(self) -> bool:
        return self.ended_by is None

    @property
    def last_settled(self) -> datetime | None:
        return self.settled[-1][1] if self.settled else None

    def settled_at(self, step_id: str) -> datetime | None:
        return next((at for step, at in self.settled if step == step_id), None)

    def with_signal(self, journey: Journey, signal: Signal) -> Enrolment:
        """The enrolment after something happened; ended if the journey says so."""
        told = replace(self, signals=(*self.signals, signal))
        rule = told.ended_by or exit_rule(journey, told)
        return replace(told, ended_by=rule) if rule is not None else told

    def advanced(self, step: Step, at: datetime) -> Enrolment:
        """The enrolment after `step` has been settled, sent or skipped."""
        return replace(
            self,
            position=self.position + 1,
            settled=(*self.settled, (step.id, at)),
            not_before=None,
            deferred_by=None,
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON for a database row; `enrolment_from_dict` reads it back to an equal one."""
        return {
            "journey": self.journey,
            "audience": self.audience.value,
            "subject": self.subject,
            "segment": self.segment,
            "started_at": self.started_at.isoformat(),
            "since": self.since.isoformat(),
            "cycle": self.cycle,
            "guides": list(self.guides),
            "signals": [[one.kind.value, one.at.isoformat(), one.value] for one in self.signals],
            "position": self.position,
            "settled": [[step, at.isoformat()] for step, at in self.settled],
            "not_before": self.not_before.isoformat() if self.not_before else None,
            "deferred_by": self.deferred_by.value if self.deferred_by else None,
            "ended_by": self.ended_by.value if self.ended_by else None,
        }


def enrolment_from_dict(data: Mapping[str, Any]) -> Enrolment:
    """Read back what `Enrolment.as_dict` gave."""
    moment = datetime.fromisoformat
    return Enrolment(
        journey=data["journey"],
        audience=Audience(data["audience"]),
        subject=data["subject"],
        segment=data["segment"],
        started_at=moment(data["started_at"]),
        since=moment(data["since"]),
        cycle=data["cycle"],
        guides=tuple(data["guides"]),
        signals=tuple(Signal(SignalKind(k), moment(at), v) for k, at, v in data["signals"]),
        position=data["position"],
        settled=tuple((step, moment(at)) for step, at in data["settled"]),
        not_before=moment(data["not_before"]) if data["not_before"] else None,
        deferred_by=Rule(data["deferred_by"]) if data["deferred_by"] else None,
        ended_by=Rule(data["ended_by"]) if data["ended_by"] else None,
    )


def next_step(journey: Journey, enrolment: Enrolment) -> Step | None:
    steps, position = journey.steps_for(enrolment.audience), position_in(journey, enrolment)
    return steps[position] if position < len(steps) else None


def position_in(journey: Journey, enrolment: Enrolment) -> int:
    """How many steps lie behind, though the journey was edited on the way.

    Told by the names of the steps settled: one written in before them is not made up for.
    """
    steps, position = journey.steps_for(enrolment.audience), enrolment.position
    if not enrolment.settled:
        return position
    if 0 < position <= len(steps) and steps[position - 1].id == enrolment.settled[-1][0]:
        return position
    settled = {name for name, _ in enrolment.settled}
    behind = (place for place, step in enumerate(steps, start=1) if step.id in settled)
    return max(behind, default=0)


def exit_rule(journey: Journey, enrolment: Enrolment) -> Rule | None:
    """The exit that a signal has met, the earliest one first; None while the journey goes on."""
    met = None
    for signal in sorted(enrolment.signals, key=lambda signal: signal.at):
        if signal.kind in _ALWAYS_EXITS:
            return _ALWAYS_EXITS[signal.kind]
        if met is None and signal.at > enrolment.since and _matches(journey, signal):
            met = _EXIT_RULES.get(signal.kind)
    return met


def touch_id(journey: str, step: str, subject: str, cycle: str) -> str:
    """32 hexadecimal characters, the same whenever the same step is planned for the same one.

    Fits `msgid` of kf/send_msg, so a repeated send is recognised by the platform, too.
    """
    key = "\x1f".join((journey, step, subject, cycle))
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def by_subject(enrolments: Iterable[Enrolment]) -> dict[tuple[Audience, str], list[Enrolment]]:
    subjects: dict[tuple[Audience, str], list[Enrolment]] = {}
    for enrolment in enrolments:
        subjects.setdefault((enrolment.audience, enrolment.subject), []).append(enrolment)
    return subjects


def _matches(journey: Journey, signal: Signal) -> bool:
    return any(leave.matches(signal.kind, signal.value) for leave in journey.exits)
