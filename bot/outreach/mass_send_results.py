"""Whether a guide has confirmed a mass send, and how each customer fared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update

from bot.clock import Clock
from bot.outreach.open_tasks import OpenTasks
from bot.outreach.task_renewal import Renewals
from bot.store.database import Database
from bot.store.outreach_tables import OutreachTask, TouchRow, TouchState
from bot.wecom.client import WeComClient
from bot.wecom.mass_sends import Delivery, SendStatus, confirmations, deliveries
from bot.wecom.paging import pages

_ENDS = {
    SendStatus.SENT: (TouchState.SENT, "导购已确认发送"),
    SendStatus.NOT_FRIENDS: (TouchState.FAILED, "客户已不是这位导购的好友"),
    SendStatus.LIMIT_REACHED: (TouchState.FAILED, "客户这一期收到的群发已满"),
}


class MassSendResults:
    """Reads results of mass sends and keeps them with the touches."""

    def __init__(
        self,
        database: Database,
        client: WeComClient,
        clock: Clock,
        *,
        tasks: OpenTasks,
        renewals: Renewals,
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._tasks = tasks
        self._renewals = renewals

    async def read(self, task: OutreachTask) -> tuple[bool, bool]:
        """Whether the guide has sent, and whether nothing is left to learn."""
        members = confirmations(await self._client.mass_sends.members(task.remote_id or ""))
        stand = {one.userid: one.sent for one in members}
        if stand != task.guides:
            await self._tasks.set(task, guides=stand)
        if not any(one.sent for one in members):
            return False, False
        async for answer in pages(
            self._client.mass_sends.results, task.remote_id or "", task.sender
        ):
            await self._record(task, deliveries(answer))
        return True, not await self._renewals.waits(task)

    async def _record(self, task: OutreachTask, rows: Sequence[Delivery]) -> None:
        """Write how each customer fared; groups are not listed before they got it."""
        now = self._clock.now()
        ended: defaultdict[tuple[SendStatus, datetime | None], list[str]] = defaultdict(list)
        for one in rows:
            if one.status in _ENDS:
                sent = _ENDS[one.status][0] is TouchState.SENT
                ended[one.status, (one.at or now) if sent else None].append(one.target)
        if not ended:
            return
        async with self._database.write() as session:
            for (status, sent_at), targets in ended.items():
                state, said = _ENDS[status]
                await session.execute(
                    update(TouchRow)
                    .where(
                        TouchRow.task_id == task.id,
                        TouchRow.subject.in_(targets),
                        TouchRow.status.in_((TouchState.ASKED, TouchState.UNKNOWN)),
                    )
                    .values(status=state, explanation=said, sent_at=sent_at)
                    .execution_options(synchronize_session=False)
                )
