from __future__ import annotations

import dataclasses

from apishop import Api

from bot.app import Bot
from bot.running import _periodic
from bot.setting_sections import RetentionSettings


async def test_old_rows_are_deleted_by_the_clock_as_the_settings_say(api: Api) -> None:
    assert set(api.bot.tidying_jobs) <= set(_periodic(api.bot))
    assert set(api.bot.tidying_jobs) == {"delete old work"}
    kept = RetentionSettings.model_validate({"messages_days": 90, "touches_days": ""})
    settings = api.bot.ground.settings.model_copy(update={"retention": kept})
    other = Bot(dataclasses.replace(api.bot.ground, settings=settings))
    assert set(other.tidying_jobs) == {"delete old work", "forget old messages"}
    assert [await job() for _, job in other.tidying_jobs.values()] == [0, 0]
