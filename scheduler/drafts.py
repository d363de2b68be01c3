"""Touches written out: their content, arm of an experiment and one sentence of explanation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .content import Content
from .context import PlanContext
from .enrolment import Customer, Enrolment
from .experiments import choose_variant
from .journey import Audience, Journey, Step, Way
from .rules import Rule
from .touches import ContentRef, Touch, TouchStatus


@dataclass(frozen=True, slots=True)
class Draft:
    """One step for one subject, before it is known when it goes out."""

    context: PlanContext
    journey: Journey
    step: Step
    enrolment: Enrolment
    customer: Customer

    @property
    def variant(self) -> str | None:
        experiment = f"{self.journey.id}/{self.step.id}"
        arm = choose_variant(experiment, self.enrolment.subject, self.step.variants)
        return arm.name if arm is not None else None

    @property
    def content(self) -> Content | None:
        return self.step.content_for(self.enrolment.segment, self.variant)

    @property
    def messages(self) -> int:
        """How many messages the customer receives."""
        content = self.content
        if content is None:
            return 1
        if content.script is not None:
            return self.context.script_sizes.get(content.script, 1)
        return content.messages

    def planned(
        self,
        touch_id: str,
        due: datetime,
        at: datetime,
        way: Way | None,
        rule: Rule | None,
        rival: Journey | None = None,
    ) -> Touch:
        if rule is None:
            status, text = TouchStatus.PLANNED, f"按计划于 {self._clock(at)} 发出"
        else:
            status = TouchStatus.MOVED
            reason = _reason(rule, rival)
            text = f"原定 {self._clock(due)}，{reason}，改到 {self._clock(at)}"
        return self._touch(touch_id, at, status, text, way, rule)

    def skipped(
        self, touch_id: str, due: datetime, rule: Rule, rival: Journey | None = None
    ) -> Touch:
        text = f"原定 {self._clock(due)}，{_reason(rule, rival)}，跳过"
        return self._touch(touch_id, due, TouchStatus.SKIPPED, text, None, rule)

    def _touch(
        self,
        touch_id: str,
        at: datetime,
        status: TouchStatus,
        text: str,
        way: Way | None,
        rule: Rule | None,
    ) -> Touch:
        one = self.enrolment
        return Touch(
            id=touch_id,
            journey=self.journey.id,
            step=self.step.id,
            kind=self.step.kind,
            audience=one.audience,
            subject=one.subject,
            due_at=at,
            content=ContentRef(self.journey.id, self.step.id, one.segment, self.variant),
            status=status,
            explanation=text,
            way=way,
            rule=rule,
            guides=self._guides,
            messages=self.messages,
        )

    @property
    def _guides(self) -> tuple[str, ...]:
        if self.enrolment.audience is Audience.CUSTOMER:
            return self.customer.guides[:1]
        return self.enrolment.guides

    def _clock(self, moment: datetime) -> str:
        local = moment.astimezone(self.context.calendar.zone)
        return f"{local.month}月{local.day}日 {local.hour:02}:{local.minute:02}"


def _reason(rule: Rule, rival: Journey | None) -> str:
    if rule is Rule.PRIORITY and rival is not None:
        return f"{rule.zh}「{rival.name}」"
    return rule.zh
