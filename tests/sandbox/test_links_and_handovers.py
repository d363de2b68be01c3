"""Acquisition links, handovers between guides, and the picture behind a code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.customers import qr_poster
from bot.sandbox import Platform, SandboxSettings, handovers, meetings
from bot.sandbox.errors import UnknownSubject

from .conftest import XIAOLIN, Caller, FakeClock, Running

QING, TANG = "guide_qing", "guide_tang"
LINKS = "externalcontact/customer_acquisition"


def make_link(call: Caller, **more: Any) -> dict[str, Any]:
    body = {"link_name": "包裹卡", "range": {"user_list": [QING, TANG]}, **more}
    answer = call(f"{LINKS}/create_link", **body)
    assert answer["errcode"] == 0, answer
    link: dict[str, Any] = answer["link"]
    return link


def changes(platform: Platform) -> list[dict[str, str]]:
    return [dict(getattr(push, "fields", ())) for push in platform.pushes]


def test_a_link_is_made_read_changed_listed_and_deleted(call: Caller) -> None:
    link = make_link(call)
    assert link["url"].endswith(f"/ca/{link['link_id']}")
    which = {"link_id": link["link_id"]}
    assert call(f"{LINKS}/update_link", **which, range={"user_list": [TANG]})["errcode"] == 0
    told = call(f"{LINKS}/get", **which)
    assert (told["link"]["link_name"], told["range"]["user_list"]) == ("包裹卡", [TANG])
    other = make_link(call)["link_id"]
    first = call(f"{LINKS}/list_link", limit=1)
    second = call(f"{LINKS}/list_link", limit=1, cursor=first["next_cursor"])
    assert first["link_id_list"] + second["link_id_list"] == [link["link_id"], other]
    assert call(f"{LINKS}/delete_link", **which)["errcode"] == 0
    assert call(f"{LINKS}/get", **which)["errcode"] == 40058


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({"link_name": ""}, 40058),
        ({"link_name": "长" * 31}, 40058),
        ({"range": {"user_list": []}}, 40058),
        ({"range": {"user_list": ["guide_nobody"]}}, 41054),
        ({"skip_verify": "yes"}, 40058),
    ],
)
def test_a_wrong_link_is_refused(call: Caller, body: dict[str, Any], errcode: int) -> None:
    good = {"link_name": "包裹卡", "range": {"user_list": [QING]}}
    assert call(f"{LINKS}/create_link", **(good | body))["errcode"] == errcode


def test_who_opens_a_link_brings_its_channel_and_costs_quota(
    settings: SandboxSettings,
) -> None:
    platform = Platform(replace(settings, acquisition_quota=1))
    call = Caller(platform)
    link = make_link(call)
    who = meetings.newcomer(platform)
    guide = meetings.open_link(platform, who, link["link_id"], channel="chParcel")
    asked, added = changes(platform)[-2:]
    assert (asked["ChangeType"], asked["LinkId"]) == ("friend_request", link["link_id"])
    assert (added["ChangeType"], added["State"], added["UserID"]) == (
        "add_external_contact",
        "chParcel",
        guide,
    )
    [friend] = call(f"{LINKS}/customer", link_id=link["link_id"])["customer_list"]
    assert (friend["external_userid"], friend["state"]) == (who, "chParcel")
    query = {"access_token": call.token()}
    assert call.raw(f"{LINKS}_quota", "GET", query=query)["balance"] == 0
    with pytest.raises(UnknownSubject, match="额度"):
        meetings.open_link(platform, meetings.newcomer(platform), link["link_id"])
    body = {"link_name": "再来", "range": {"user_list": [QING]}}
    assert call(f"{LINKS}/create_link", **body)["errcode"] == 41095
    platform.close()


def hand_over(call: Caller, who: str, giver: str = QING, taker: str = TANG) -> int:
    pair = {"handover_userid": giver, "takeover_userid": taker}
    answer = call("externalcontact/transfer_customer", external_userid=[who], **pair)
    assert answer["errcode"] == 0
    return int(answer["customer"][0]["errcode"])


def status(call: Caller) -> list[int]:
    pair = {"handover_userid": QING, "takeover_userid": TANG}
    return [one["status"] for one in call("externalcontact/transfer_result", **pair)["customer"]]


def test_a_handover_takes_effect_after_a_day(
    platform: Platform, call: Caller, clock: FakeClock
) -> None:
    meetings.scan(platform, XIAOLIN, userid=QING)
    assert hand_over(call, XIAOLIN) == 0
    assert hand_over(call, XIAOLIN) == 40129
    assert hand_over(call, "wmNobody") == 84061
    clock.advance(hours=23)
    assert status(call) == [2]
    clock.advance(hours=1)
    assert status(call) == [1]
    gone, come = changes(platform)[-2:]
    assert (gone["UserID"], gone["Source"]) == (QING, "DELETE_BY_TRANSFER")
    assert (come["ChangeType"], come["UserID"]) == ("add_external_contact", TANG)
    assert "WelcomeCode" not in come
    assert hand_over(call, XIAOLIN, TANG, QING) == 0
    clock.advance(days=1)
    platform.settle()
    handovers.settle(platform)
    assert hand_over(call, XIAOLIN) == 40128


def test_a_customer_refuses_another_guide(platform: Platform, call: Caller) -> None:
    meetings.scan(platform, XIAOLIN, userid=QING)
    hand_over(call, XIAOLIN)
    handovers.refuse(platform, XIAOLIN)
    assert status(call) == [3]
    told = changes(platform)[-1]
    assert (told["ChangeType"], told["FailReason"]) == ("transfer_fail", "customer_refused")
    assert [one.userid for one in platform.friends.of_customer(XIAOLIN)] == [QING]


async def test_the_picture_of_a_code_is_served_and_can_be_scanned(running: Running) -> None:
    made = await running.post(
        "externalcontact/add_contact_way",
        {"type": 2, "scene": 2, "state": "door", "user": [QING]},
    )
    async with running.client.session.get(made["qr_code"]) as response:
        assert response.content_type == "image/png"
        inside = qr_poster.read_code(await response.read())
    assert inside is not None
    assert inside.endswith(f"/?scan={made['config_id']}")
    async with running.client.get("/wwpic/nobody/0") as response:
        assert response.status == 404


async def test_a_link_opens_the_page_with_its_channel(running: Running) -> None:
    body = {"link_name": "包裹卡", "range": {"user_list": [QING]}}
    link = (await running.post(f"{LINKS}/create_link", body))["link"]
    address = f"{link['url']}?customer_channel=chParcel"
    async with running.client.session.get(address, allow_redirects=False) as response:
        assert response.headers["Location"] == (
            f"/?link={link['link_id']}&customer_channel=chParcel"
        )
    opened = {"link_id": link["link_id"], "customer_channel": "chParcel"}
    async with running.client.post("/sandbox/api/scan", json=opened) as response:
        assert (await response.json())["userid"] == QING
    assert changes(running.platform)[-1]["State"] == "chParcel"
