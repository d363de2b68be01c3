from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from outreach_shop import Shop

from bot.store.contact_tables import PortraitFact
from scheduler import Audience

CAKE = """
version: 1
journeys:
- id: cake
  name: 生日
  triggers: [{birthday: {days_before: 3}}]
  steps:
  - id: wish
    purpose: 生日祝福
    kind: nudge
    at: {day: 3, time: "10:00"}
    content: {text: "生日快乐"}
"""


async def _says(shop: Shop, who: str, value: str, **more: Any) -> None:
    now = shop.clock.now()
    fact = {"state": "guessed", "confidence": 0.9, "quote": "", **more}
    await shop.add(
        PortraitFact(
            external_userid=who, field="birthday", value=value, first_at=now, last_at=now, **fact
        )
    )


async def test_a_birthday_is_met_each_year_and_by_the_likeliest_date(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(CAKE)
    calendar = shop.outreach.plans.calendar
    day = calendar.local_day(shop.clock.now()) + timedelta(days=3)
    for who in ("wm-born", "wm-unsure", "wm-denied"):
        await shop.customer(who)
    await _says(shop, "wm-born", f"1990-{day:%m-%d}")
    await _says(shop, "wm-unsure", f"{day:%m-%d}")
    await _says(shop, "wm-unsure", "07-07", state="confirmed")
    await _says(shop, "wm-denied", f"{day:%m-%d}", state="rejected")
    assert await shop.outreach.birthdays.tick() == 1
    assert await shop.outreach.birthdays.tick() == 0
    shop.clock.turn(hours=1)
    assert await shop.outreach.birthdays.tick() == 0
    shop.clock.turn(days=3)
    await shop.outreach.planner.tick()
    [touch] = await shop.touches(audience=Audience.CUSTOMER)
    assert (touch.subject, calendar.local_day(touch.due_at)) == ("wm-born", day)
    shop.clock.turn(days=(day.replace(year=day.year + 1) - day).days - 3)
    assert await shop.outreach.birthdays.tick() == 1
