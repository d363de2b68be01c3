"""Automatic tags: rules applied to those about whom something changed, and counted in advance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.customers.follows import FollowState
from bot.customers.tag_facts import facts_of
from bot.customers.tag_rules import Facts, TagRule, TagRules, why
from bot.customers.tagging import BY_RULE, want_tags
from bot.store.contact_tables import (
    Bookmark,
    CorpTag,
    Follow,
    FollowTag,
    TagCheck,
    TagGroup,
    TagJob,
)
from bot.store.database import Database
from bot.store.tables import Customer, WorkState

_CHUNK = 200
_SAMPLES = 5
_DAY = timedelta(days=1)
_SWEEP = "tag-rules-sweep"


@dataclass(slots=True)
class Preview:
    """What a rule would do if it ran now; samples are customers' ids."""

    rule: TagRule
    matching: int = 0
    would_add: int = 0
    would_remove: int = 0
    samples: list[str] = field(default_factory=list)


class AutoTagger:
    """Lets the rules put tags on and take their own off again."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        rules: TagRules,
        *,
        labels: Mapping[str, str],
        enabled: bool = True,
    ) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules
        self._labels = labels
        self._enabled = enabled

    async def tick(self) -> None:
        """Look at all whose check is due; once a day at everybody, for rules about time."""
        if not self._enabled:
            await self._forget_checks()
            return
        await self._sweep()
        while await self.check_some():
            pass

    async def _forget_checks(self) -> None:
        """While rules are off, nothing gathers that would all run at once later."""
        async with self._database.write() as session:
            await session.execute(delete(TagCheck))

    async def _sweep(self) -> None:
        if not any(rule.when.by_time or not rule.stays for rule in self._rules.active):
            return
        now = self._clock.now()
        async with self._database.write() as session:
            await self._database.alone(session, _SWEEP)
            mark = await session.get(Bookmark, _SWEEP)
            if mark is None:
                session.add(Bookmark(name=_SWEEP, at=now))
            elif now - mark.at < _DAY:
                return
            else:
                mark.at = now
            known = select(TagCheck.external_userid)
            insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
            await session.execute(
                insert(TagCheck)
                .from_select(
                    ["external_userid", "due_at"],
                    select(Customer.external_userid, literal(now, TagCheck.due_at.type)).where(
                        Customer.external_userid.not_in(known)
                    ),
                )
                .on_conflict_do_nothing()
            )

    async def check_some(self) -> bool:
        """Apply the rules to some; False when nobody is due."""
        now = self._clock.now()
        async with self._database.write() as session:
            due = (
                await session.scalars(
                    select(TagCheck.external_userid)
                    .where(TagCheck.due_at <= now)
                    .order_by(TagCheck.due_at, TagCheck.external_userid)
                    .limit(_CHUNK)
                    .with_for_update(skip_locked=True)
                )
            ).all()
            if not due:
                return False
            await session.execute(delete(TagCheck).where(TagCheck.external_userid.in_(due)))
            await self._apply(session, due, now)
        return True

    async def _apply(self, session: AsyncSession, ids: Sequence[str], now: datetime) -> None:
        facts = await facts_of(session, ids, now=now, labels=self._labels)
        waiting = await _waiting(session, ids)
        borne = await _borne(session, ids)
        guides = await _guides(session, ids)
        for who, known in facts.items():
            for rule in self._rules.active:
                reason = why(rule, known)
                for userid in guides.get(who, ()):
                    tag_id = borne.get((who, userid, rule.group, rule.tag))
                    if (who, userid, f"{BY_RULE}{rule.id}") in waiting:
                        continue
                    if reason is not None and tag_id is None:
                        await want_tags(
                            session,
                            userid,
                            who,
                            names=[rule.tag],
                            group=rule.group,
                            cause=f"{BY_RULE}{rule.id}",
                            because=f"{rule.name}：{reason}",
                            now=now,
                        )
                    elif reason is None and tag_id is not None and not rule.stays:
                        await want_tags(
                            session,
                            userid,
                            who,
                            remove=[tag_id],
                            cause=f"{BY_RULE}{rule.id}",
                            because=f"{rule.name}：条件不再满足",
                            now=now,
                        )

    async def preview(self, *, most: int | None = None) -> tuple[list[Preview], int]:
        """Whom each rule describes and what it would change, among how many customers.

        All are looked at, or no more than `most` (rounded up to a page).
        """
        found = {rule.id: Preview(rule) for rule in self._rules.rules}
        after, looked_at = "", 0
        while most is None or looked_at < most:
            async with self._database.read() as session:
                ids = (
                    await session.scalars(
                        select(Customer.external_userid)
                        .where(Customer.external_userid > after)
                        .order_by(Customer.external_userid)
                        .limit(_CHUNK)
                    )
                ).all()
                if not ids:
                    break
                facts = await facts_of(session, ids, now=self._clock.now(), labels=self._labels)
                borne = await _borne(session, ids)
                guides = await _guides(session, ids)
            after, looked_at = ids[-1], looked_at + len(ids)
            for who, known in facts.items():
                _count(found, who, known, borne, guides.get(who, ()))
        return list(found.values()), looked_at


Borne = Mapping[tuple[str, str, str, str], str]


def _count(
    found: Mapping[str, Preview], who: str, facts: Facts, borne: Borne, guides: Sequence[str]
) -> None:
    for preview in found.values():
        rule = preview.rule
        having = [userid for userid in guides if (who, userid, rule.group, rule.tag) in borne]
        if why(rule, facts) is not None:
            preview.matching += 1
            preview.would_add += len(having) < len(guides)
            if len(preview.samples) < _SAMPLES:
                preview.samples.append(who)
        elif having and not rule.stays:
            preview.would_remove += 1


async def _borne(
    session: AsyncSession, ids: Sequence[str]
) -> dict[tuple[str, str, str, str], str]:
    """Tag ids by (customer, guide, group name, tag name)."""
    rows = await session.execute(
        select(
            FollowTag.external_userid,
            FollowTag.userid,
            TagGroup.name,
            CorpTag.name,
            CorpTag.tag_id,
        )
        .join(CorpTag, CorpTag.tag_id == FollowTag.tag_id)
        .join(TagGroup, TagGroup.group_id == CorpTag.group_id)
        .where(FollowTag.external_userid.in_(ids), CorpTag.deleted_at.is_(None))
    )
    return {(who, userid, group, name): tag_id for who, userid, group, name, tag_id in rows}


async def _waiting(session: AsyncSession, ids: Sequence[str]) -> set[tuple[str, str, str]]:
    rows = await session.execute(
        select(TagJob.external_userid, TagJob.userid, TagJob.cause).where(
            TagJob.external_userid.in_(ids), TagJob.state == WorkState.READY
        )
    )
    return {(who, userid, cause) for who, userid, cause in rows}


async def _guides(session: AsyncSession, ids: Sequence[str]) -> dict[str, list[str]]:
    rows = await session.execute(
        select(Follow.external_userid, Follow.userid)
        .where(Follow.external_userid.in_(ids), Follow.state == FollowState.ACTIVE)
        .order_by(Follow.userid)
    )
    found: dict[str, list[str]] = {}
    for who, userid in rows:
        found.setdefault(who, []).append(userid)
    return found
