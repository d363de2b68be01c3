from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from meanwhile import Meanwhile
from meanwhile import meanwhile as meanwhile
from outreach_shop import GUIDE, Shop
from test_moments import WEEK
from test_nudges import CART, TWO, WHO

from bot.clock import ManualClock
from bot.customers.opt_outs import OptOutSource, opt_out
from bot.outreach.planning import Planner
from bot.sandbox import moments
from bot.settings import Settings
from bot.store.database import Database
from bot.web import keys
from bot.web.application import web_application

TOKEN = "outreach-api-token"


@pytest.fixture
async def api() -> AsyncIterator[Callable[[Shop], Awaitable[Callable[..., Awaitable[Any]]]]]:
    """Asks the API of a shop: path and parameters in, status and JSON out."""
    clients: list[Any] = []

    async def opened(shop: Shop) -> Callable[..., Awaitable[Any]]:
        app = web_application()
        app[keys.SETTINGS] = Settings.model_validate({"api": {"token": TOKEN}})
        app[keys.CLOCK], app[keys.DATABASE] = shop.clock, shop.database
        app[keys.OUTREACH] = shop.outreach
        client = TestClient(TestServer(app))
        await client.start_server()
        clients.append(client)

        async def ask(path: str, **params: str) -> Any:
            answer = await client.get(
                f"/api/v1{path}", params=params, headers={"Authorization": f"Bearer {TOKEN}"}
            )
            return answer.status, await answer.json()

        return ask

    yield opened
    for client in clients:
        await client.close()


async def test_touches_are_listed_by_status_customer_journey_and_time(
    outreach_shop: Callable[..., Shop], api: Any
) -> None:
    shop = outreach_shop(CART)
    await shop.customer(WHO)
    await shop.writes(WHO)
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    for _ in range(8):
        await shop.step(minutes=20)
    ask = await api(shop)
    status, found = await ask("/touches", external_userid=WHO, journey="cart", status="sent")
    assert status == 200
    [touch] = found["items"]
    assert (touch["step"], touch["kind"], touch["way"]) == ("worry", "nudge", "kf")
    assert found["next_cursor"] is None
    later = (shop.clock.now() + timedelta(days=1)).isoformat()
    assert (await ask("/touches", **{"from": later}))[1]["items"] == []
    assert len((await ask("/touches", to=later))[1]["items"]) == 1
    assert (await ask("/touches", status="nonsense"))[0] == 422
    assert (await ask("/touches", cursor="%%%"))[0] == 400


async def test_quotas_show_the_window_and_the_measure_of_the_day(
    outreach_shop: Callable[..., Shop], api: Any
) -> None:
    shop = outreach_shop(CART)
    await shop.customer(WHO)
    await shop.writes(WHO)
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    for _ in range(8):
        await shop.step(minutes=20)
    ask = await api(shop)
    status, quotas = await ask(f"/quotas/{WHO}")
    assert status == 200
    assert (quotas["kf"]["used"], quotas["kf"]["limit"], quotas["kf"]["open"]) == (1, 5, True)
    assert 1 <= quotas["touches"]["used_today"] <= quotas["touches"]["limit_per_day"] == 6
    assert (quotas["moments"]["used_this_month"], quotas["moments"]["limit_per_month"]) == (0, 60)
    assert (await ask("/quotas/nobody"))[0] == 404


async def test_results_say_what_was_planned_left_out_reached_and_answered(
    outreach_shop: Callable[..., Shop], api: Any
) -> None:
    shop = outreach_shop(CART)
    await shop.customer(WHO)
    await shop.writes(WHO)
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    for _ in range(8):
        await shop.step(minutes=20)
    await shop.writes(WHO)
    await shop.step(minutes=5)
    ask = await api(shop)
    status, found = await ask("/journeys/cart/results", days="7")
    assert status == 200
    [step] = found["steps"]
    assert (step["planned"], step["sent"], step["skipped"]) == (1, 1, {})
    assert (step["reached"], step["replied"], step["bought"]) == (1, 1, 0)
    assert step["reply_rate"]["low"] < step["reply_rate"]["rate"] == 1
    assert (await ask("/journeys/cart/results", days="0"))[0] == 422


async def test_a_customers_touches_include_the_posts_to_their_cohorts(
    outreach_shop: Callable[..., Shop], api: Any
) -> None:
    shop = outreach_shop(WEEK)
    for who in ("wmIn", "wmOut"):
        await shop.customer(who)
    await shop.step()
    await shop.added("wmIn")
    for _ in range(30):
        await shop.step(hours=1)
    ask = await api(shop)
    _, theirs = await ask("/touches", external_userid="wmIn")
    assert [(one["kind"], one["external_userid"]) for one in theirs["items"]] == [("moment", None)]
    assert theirs["items"][0]["cohort"]
    _, others = await ask("/touches", external_userid="wmOut")
    assert others["items"] == []


async def test_a_post_that_ones_own_guide_did_not_publish_is_not_told_as_sent(
    outreach_shop: Callable[..., Shop], api: Any
) -> None:
    """The post is out for the friends of one guide and was never seen by those of the other."""
    shop = outreach_shop(WEEK)
    await shop.step()
    for who, guide in (("wmIn", GUIDE), ("wmOut", "guide_tang")):
        await shop.customer(who, guide=guide)
        await shop.added(who, guide=guide)
    while not (waiting := moments.waiting(shop.platform)):
        await shop.step(hours=3)
    moments.publish(shop.platform, waiting[0][0], GUIDE)
    await shop.step(minutes=30)
    ask = await api(shop)

    async def stands(who: str) -> tuple[str, str | None]:
        _, found = await ask("/touches", external_userid=who)
        [one] = [row for row in found["items"] if row["step"] == "one"]
        _, same = await ask("/touches", external_userid=who, status=one["status"])
        assert one in same["items"]
        return one["status"], one["skipped_by"]

    assert (await stands("wmIn"), await stands("wmOut")) == (("sent", None), ("asked", None))
    for who, used in (("wmIn", 1), ("wmOut", 1)):
        _, quotas = await ask(f"/quotas/{who}")
        assert quotas["moments"]["used_today"] == used, "it may be published any moment"
    for _ in range(14):
        await shop.step(hours=1)
    assert await stands("wmIn") == ("sent", None)
    assert await stands("wmOut") == ("cancelled", "too_late")
    totals = [(await ask(f"/quotas/{who}"))[1]["moments"] for who in ("wmIn", "wmOut")]
    assert totals[0]["used_this_month"] == totals[1]["used_this_month"] + 1


async def test_who_left_before_the_guide_published_is_told_to_have_missed_the_post(
    outreach_shop: Callable[..., Shop], api: Any
) -> None:
    shop = outreach_shop(WEEK)
    await shop.step()
    for who in ("wmIn", "wmOut"):
        await shop.customer(who)
        await shop.added(who)
    while not (waiting := moments.waiting(shop.platform)):
        await shop.step(hours=3)
    async with shop.database.write() as session:
        await opt_out(session, "wmOut", source=OptOutSource.API, now=shop.clock.now())
    await shop.step(minutes=10)
    moments.publish(shop.platform, *waiting[0])
    await shop.step(minutes=30)
    ask = await api(shop)
    ends = []
    for who in ("wmIn", "wmOut"):
        _, found = await ask("/touches", external_userid=who)
        ends += [(one["status"], one["skipped_by"]) for one in found["items"]]
    assert ends == [("sent", None), ("cancelled", "opted_out")]


async def test_who_left_after_another_guide_published_is_told_to_have_missed_the_post(
    outreach_shop: Callable[..., Shop], api: Any
) -> None:
    shop = outreach_shop(WEEK)
    await shop.step()
    for who, guide in (("wmIn", GUIDE), ("wmOut", "guide_tang")):
        await shop.customer(who, guide=guide)
        await shop.added(who, guide=guide)
    while not (waiting := moments.waiting(shop.platform)):
        await shop.step(hours=3)
    moments.publish(shop.platform, waiting[0][0], GUIDE)
    await shop.step(minutes=30)
    async with shop.database.write() as session:
        await opt_out(session, "wmOut", source=OptOutSource.API, now=shop.clock.now())
    await shop.step(minutes=10)
    moments.publish(shop.platform, waiting[0][0], "guide_tang")
    await shop.step(minutes=30)
    ask = await api(shop)
    ends = []
    for who in ("wmIn", "wmOut"):
        _, found = await ask("/touches", external_userid=who)
        ends += [(one["status"], one["skipped_by"]) for one in found["items"]]
    assert ends == [("sent", None), ("cancelled", "opted_out")]


async def test_a_step_that_a_limit_keeps_waiting_is_told_with_its_rule(
    outreach_shop: Callable[..., Shop], api: Any
) -> None:
    shop = outreach_shop(TWO)
    await shop.customer(WHO)
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    for _ in range(4):
        await shop.step(minutes=20)
    await shop.behaves(WHO, "sale_called")
    await shop.step(minutes=10)
    ask = await api(shop)

    async def told(**where: str) -> list[tuple[str, str, str | None, str | None]]:
        _, found = await ask("/touches", external_userid=WHO, **where)
        rows = found["items"]
        return [(one["step"], one["status"], one["moved_by"], one["skipped_by"]) for one in rows]

    assert await told() == [("worry", "sent", None, None), ("call", "moved", "gap", None)]
    assert await told(status="moved") == [("call", "moved", "gap", None)]
    assert await told(status="sent", journey="sale") == []
    _, first = await ask("/touches", external_userid=WHO, limit="1")
    _, second = await ask("/touches", external_userid=WHO, cursor=first["next_cursor"])
    assert [one["step"] for one in first["items"] + second["items"]] == ["worry", "call"]
    for _ in range(8):
        await shop.step(minutes=30)
    assert await told(journey="sale") == [("call", "sent", "gap", None)]


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_a_step_that_is_planned_while_one_looks_is_not_missing(
    outreach_shop: Callable[..., Shop], api: Any, meanwhile: Meanwhile
) -> None:
    shop = outreach_shop(TWO)
    await shop.customer(WHO)
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    for _ in range(4):
        await shop.step(minutes=20)
    await shop.behaves(WHO, "sale_called")
    await shop.step(minutes=10)
    ask = await api(shop)

    async def plans(replica: Database) -> None:
        later = ManualClock(shop.clock.now() + timedelta(hours=4))
        await Planner(replica, later, shop.outreach.plans).tick()

    meanwhile.after(shop.database, "ORDER BY touch.due_at, touch.id", plans)
    _, found = await ask("/touches", external_userid=WHO)
    assert [one["step"] for one in found["items"]] == ["worry", "call"]
    meanwhile.end()
    assert len(await shop.touches()) == 2
