"""Loops that do rounds: at once while there is more, awake when nudged, alive after a failure."""

from __future__ import annotations

import asyncio

from corp import running, until

from bot.delivery.rounds import Rounds


class Counted(Rounds):
    poll_seconds = 3600

    def __init__(self, *, more: int = 0, failing: int = 0) -> None:
        super().__init__()
        self.done, self.more, self.failing = 0, more, failing

    async def round(self) -> bool:
        self.done += 1
        if self.done <= self.failing:
            raise OSError("the disk is gone")
        return self.done <= self.more


async def test_it_goes_on_while_there_is_more_and_then_rests() -> None:
    rounds = Counted(more=3)
    async with running(rounds.run()):
        await until(lambda: rounds.done >= 4)
        await asyncio.sleep(0)
        assert rounds.done == 4


async def test_a_nudge_ends_the_rest() -> None:
    rounds = Counted()
    async with running(rounds.run()):
        await until(lambda: rounds.done == 1)
        rounds.nudge()
        await until(lambda: rounds.done == 2)


async def test_a_failed_round_ends_nothing() -> None:
    rounds = Counted(failing=2)
    async with running(rounds.run()):
        for done in (1, 2, 3):
            await until(lambda: rounds.done == done)  # noqa: B023
            rounds.nudge()
