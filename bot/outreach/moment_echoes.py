"""What customers made of a post: sums over the guides who published it."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.clock import Clock
from bot.errors import RetryLater
from bot.outreach.call_room import CallRoom, Turn, let_go
from bot.outreach.open_tasks import USUAL, OpenTasks
from bot.outreach.step_results import COMMENTED, LIKED, REACHED
from bot.store.outreach_tables import OutreachTask
from bot.wecom.client import WeComClient
from bot.wecom.moments import customers
from bot.wecom.paging import pages


@dataclass(slots=True)
class _Post:
    """Whom there is still to ask about, and what was told so far."""

    task: OutreachTask
    left: deque[str]
    kept_until: datetime
    found: Counter[str] = field(default_factory=Counter)


class MomentEchoes:
    """Asks about guides side by side, as WeCom tells of one at a time in two calls."""

    def __init__(
        self, client: WeComClient, clock: Clock, *, tasks: OpenTasks, room: CallRoom
    ) -> None:
        self._client = client
        self._clock = clock
        self._tasks = tasks
        self._room = room

    async def of(self, task: OutreachTask, published: Sequence[str]) -> dict[str, int]:
        """The caller holds a place in the room, which others have meanwhile."""
        post = _Post(task, deque(published), task.poll_at or self._clock.now())
        asking = [
            asyncio.create_task(self._ask(post))
            for _ in range(min(self._room.most, len(published)))
        ]
        try:
            async with self._room.lent():
                refusals = [one for one in await asyncio.gather(*asking) if one is not None]
        finally:
            await let_go(asking)
        if post.left:
            raise refusals[0]
        return {what: post.found[what] for what in (REACHED, LIKED, COMMENTED)}

    async def _ask(self, post: _Post) -> RetryLater | None:
        """Until nobody is left; whoever is refused leaves the rest to fewer."""
        while post.left:
            async with self._room.place(Turn.GUIDE):
                if not post.left:
                    return None
                userid = post.left.popleft()
                try:
                    post.found += await self._of_guide(post.task.remote_id or "", userid)
                except RetryLater as error:
                    post.left.append(userid)
                    self._room.heed(error)
                    return error
            await self._keep(post)
        return None

    async def _of_guide(self, moment_id: str, userid: str) -> Counter[str]:
        found: Counter[str] = Counter()
        async for answer in pages(self._client.moments.reached, moment_id, userid):
            found[REACHED] += len(customers(answer))
        said = await self._client.moments.comments(moment_id, userid)
        found[LIKED] += len(customers(said, "like_list"))
        found[COMMENTED] += len(customers(said, "comment_list"))
        return found

    async def _keep(self, post: _Post) -> None:
        """A post of thousands of guides takes longer than a task is lent for."""
        now = self._clock.now()
        if now >= post.kept_until - USUAL / 2:
            post.kept_until = now + USUAL
            await self._tasks.keep(post.task)
