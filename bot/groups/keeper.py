"""The loop that keeps groups right: digests told, codes turned, owners asked."""

from __future__ import annotations

from bot.delivery.rounds import Rounds
from bot.groups.codes import GroupCodes
from bot.groups.digests import Digester
from bot.groups.drift import GreetingTasks


class GroupKeeper(Rounds):
    """Tends all of it every few seconds and whenever a group was read."""

    def __init__(self, digester: Digester, codes: GroupCodes, tasks: GreetingTasks) -> None:
        super().__init__()
        self._digester = digester
        self._codes = codes
        self._tasks = tasks

    async def round(self) -> bool:
        await self._digester.tend()
        await self._codes.tend()
        await self._tasks.tend()
        return False
