"""Who published a moment, whom it reached, and who liked or commented."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from bot.clock import Clock
from bot.customers.notices import Word, tell_guides
from bot.outreach.call_room import CallRoom
from bot.outreach.moment_echoes import MomentEchoes
from bot.outreach.open_tasks import USUAL, OpenTasks, unless_decided
from bot.outreach.step_results import note_echoes
from bot.store.database import Database
from bot.store.outreach_tables import OutreachTask, TouchRow, TouchState
from bot.wecom.client import WeComClient
from bot.wecom.moments import publishers
from bot.wecom.paging import pages

_ECHO = timedelta(days=2)
"""How long likes and comments are worth asking for after the post's day."""
_OFTEN, _SELDOM = timedelta(hours=2), timedelta(days=1)
_HOUR = timedelta(hours=1)
"""The last guides are looked after as is `USUAL` at first, and later at least so often."""
_WORDS = 100
"""So many guides are told in one transaction."""
_BEFORE_MIDNIGHT = timedelta(seconds=1)
"""WeCom does not say when; a post is of its own day, though its news come on the next."""
_ASKED = "echoes_at"
_REMIND = "moment_unpublished"


class MomentResults:
    """Reads results of posts and keeps their figures with the touch."""

    def __init__(
        self,
        database: Database,
        client: WeComClient,
        clock: Clock,
        *,
        tasks: OpenTasks,
        room: CallRoom,
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._echoes = MomentEchoes(client, clock, tasks=tasks, room=room)

    async def read(self, task: OutreachTask) -> tuple[bool, bool]:
        """Whether every guide has published, and whether nothing is left to learn."""
        moment_id = task.remote_id or ""
        out = await self._publishers(moment_id)
        published = [userid for userid, done in out.items() if done]
        if published:
            await self._note(task, out, published)
        now = self._clock.now()
        everybody = bool(out) and all(out.values())
        past = now >= task.valid_until
        return everybody or (past and bool(published)), bool(
            published
        ) and now >= task.valid_until + _ECHO

    async def is_late(self, task: OutreachTask) -> bool:
        """Whether some have published, and the rest would do so on a day of other posts."""
        if self._clock.now() < task.valid_until:
            return False
        async with self._database.read() as session:
            known = await session.get_one(OutreachTask, task.id)
        return any(known.guides.values()) and not all(known.guides.values())

    async def _publishers(self, moment_id: str) -> dict[str, bool]:
        found: dict[str, bool] = {}
        async for answer in pages(self._client.moments.members, moment_id):
            found |= publishers(answer)
        return found

    async def _note(self, task: OutreachTask, out: dict[str, bool], published: list[str]) -> None:
        """Keep who has published and, now and then, what customers made of it.

        That takes two calls a guide. Most look at a post in its first hours: the older it is,
        the less often it is asked about, however many guides are still to publish.
        """
        now = self._clock.now()
        waiting = len(published) < len(out) and now < task.valid_until
        async with self._database.read() as session:
            row = await session.scalar(select(TouchRow).where(TouchRow.task_id == task.id))
        out_at = (row.sent_at if row else None) or now
        asked = row.outcome.get(_ASKED) if row else None
        asked_at = datetime.fromisoformat(asked) if asked else None
        due = asked_at is None or now >= _next_echo(out_at, asked_at)
        echoes = await self._echoes.of(task, published) if due else {}
        noted = {userid: done and _out_since(task, userid, now) for userid, done in out.items()}
        next_look = _next_echo(out_at, now if due or asked_at is None else asked_at)
        if waiting:
            next_look = _for_guides(task, now, age=now - out_at)
        async with self._database.write() as session:
            await session.execute(unless_decided(task).values(poll_at=next_look, guides=noted))
            if row is not None and (due or noted != task.guides):
                known = await session.get_one(TouchRow, row.id, with_for_update=True)
                await note_echoes(session, known, _changed(known, echoes))
                stand = {"guides": len(out), "published": len(published), **echoes}
                at = {_ASKED: now.isoformat()} if due else {}
                known.outcome = {**known.outcome, **stand, **at}
                known.sent_at = known.sent_at or _of_its_day(task, now)
                known.status = TouchState.SENT
                known.explanation = f"{len(published)}/{len(out)} 位导购已发表"

    async def remind(self, task: OutreachTask, times: int) -> None:
        """WeCom has no call that reminds of moments; the app itself tells the guides."""
        out = await self._publishers(task.remote_id or "")
        text = f"今天的朋友圈还没有发表，请到「客户朋友圈」确认：\n{task.summary}"
        words = [
            Word(userid, text, kind=_REMIND, about=f"{task.id}/{times}")
            for userid, done in out.items()
            if not done
        ]
        for start in range(0, len(words), _WORDS):
            async with self._database.write() as session:
                await tell_guides(session, words[start : start + _WORDS], now=self._clock.now())


def _of_its_day(task: OutreachTask, now: datetime) -> datetime:
    return min(now, task.valid_until - _BEFORE_MIDNIGHT)


def _out_since(task: OutreachTask, userid: str, now: datetime) -> Any:
    """When the guide was first seen to have published; just true where nobody noted it."""
    return task.guides.get(userid) or _of_its_day(task, now).isoformat()


def _next_echo(out_at: datetime, asked_at: datetime) -> datetime:
    """When to ask again: after as long as the post had been out."""
    return asked_at + min(max(_OFTEN, asked_at - out_at), _SELDOM)


def _for_guides(task: OutreachTask, now: datetime, *, age: timedelta) -> datetime:
    """When to look for the last guides, and in any case when their time is over."""
    wait = min(max(USUAL, age / 6), _HOUR)
    return min(now + wait, max(task.valid_until, now + USUAL))


def _changed(row: TouchRow, echoes: dict[str, int]) -> dict[str, int]:
    return {what: count for what, count in echoes.items() if row.outcome.get(what) != count}
