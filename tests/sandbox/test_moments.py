from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox import Call, Platform, answer, mass_sends, moments, moments_feed
from bot.sandbox.api.call import Upload
from bot.sandbox.errors import UnknownSubject

from .conftest import Caller, FakeClock

QING, TANG = "guide_qing", "guide_tang"
ANNA, BEA, CARL = "wmAnna", "wmBea", "wmCarl"


class Shop:
    """Two guides with friends, one of whom has today's tag."""

    def __init__(self, platform: Platform, call: Caller, clock: FakeClock) -> None:
        self.platform, self.call, self.clock = platform, call, clock
        for guide, who in ((QING, ANNA), (QING, BEA), (TANG, CARL)):
            platform.add_customer(who, who)
            platform.friends.begin(guide, who, channel="", half=False, now=platform.now())
        made = call("externalcontact/add_corp_tag", group_name="批次", tag=[{"name": "今天"}])
        self.tag = str(made["tag_group"]["tag"][0]["id"])

    def mark(self, guide: str, who: str, **tags: Any) -> None:
        done = self.call("externalcontact/mark_tag", userid=guide, external_userid=who, **tags)
        assert done["errcode"] == 0

    def job(self, text: str = "早", *, tags: Any = (), senders: Any = (), **more: Any) -> str:
        reach = {
            "sender_list": {"user_list": list(senders)},
            "external_contact_list": {"tag_list": list(tags)},
        }
        made = self.call(
            "externalcontact/add_moment_task",
            text={"content": text},
            visible_range=reach,
            **more,
        )
        assert made["errcode"] == 0, made
        return str(made["jobid"])

    def state(self, jobid: str) -> dict[str, Any]:
        query = {"access_token": self.call.token(), "jobid": jobid}
        api = "externalcontact/get_moment_task_result"
        return self.call.raw(api, "GET", query=query)

    def post(self, *words: str, **more: Any) -> str:
        jobid = self.job(*words, **more)
        self.clock.advance(seconds=3)
        return str(self.state(jobid)["result"]["moment_id"])

    def feed(self, who: str) -> list[str]:
        return [one["text"] for one in moments_feed.shown_feed(self.platform, who)]


@pytest.fixture
def shop(platform: Platform, call: Caller, clock: FakeClock) -> Shop:
    return Shop(platform, call, clock)


def test_a_job_runs_before_there_is_a_post(shop: Shop) -> None:
    jobid = shop.job()
    assert shop.state(jobid)["status"] == 1
    assert moments.waiting(shop.platform) == []
    shop.clock.advance(seconds=3)
    assert shop.state(jobid)["status"] == 3
    assert shop.state("job-of-nobody")["errcode"] == 40097


def test_each_guide_publishes_to_their_own_friends_with_the_tag(shop: Shop) -> None:
    shop.mark(QING, ANNA, add_tag=[shop.tag])
    shop.mark(TANG, CARL, add_tag=[shop.tag])
    post = shop.post("只给今天的", tags=[shop.tag], senders=[QING, TANG])
    assert moments.publish(shop.platform, post, QING) == [ANNA]
    assert [shop.feed(who) for who in (ANNA, BEA, CARL)] == [["只给今天的"], [], []]
    states = shop.call("externalcontact/get_moment_task", moment_id=post)["task_list"]
    assert {one["userid"]: one["publish_status"] for one in states} == {QING: 1, TANG: 0}
    moments.publish(shop.platform, post, TANG)
    assert shop.feed(CARL) == ["只给今天的"]


def test_whose_tag_comes_after_publishing_misses_the_post_and_whoever_saw_it_keeps_it(
    shop: Shop,
) -> None:
    shop.mark(QING, ANNA, add_tag=[shop.tag])
    post = shop.post(tags=[shop.tag], senders=[QING])
    moments.publish(shop.platform, post, QING)
    shop.mark(QING, BEA, add_tag=[shop.tag])
    shop.mark(QING, ANNA, remove_tag=[shop.tag])
    shop.platform.friends.end(QING, ANNA, by="customer")
    assert (shop.feed(ANNA), shop.feed(BEA)) == (["早"], [])
    seen = shop.call("externalcontact/get_moment_send_result", moment_id=post, userid=QING)
    assert [one["external_userid"] for one in seen["customer_list"]] == [ANNA]


def test_a_cancelled_task_waits_for_nobody(shop: Shop) -> None:
    post = shop.post(senders=[QING, TANG])
    moments.publish(shop.platform, post, QING)
    assert shop.call("externalcontact/cancel_moment_task", moment_id=post)["errcode"] == 0
    assert moments.waiting(shop.platform) == []
    assert moments.publish(shop.platform, post, TANG) == []
    assert (shop.feed(ANNA), shop.feed(CARL)) == (["早"], [])


def test_posts_are_listed_by_the_time_of_their_making(shop: Shop) -> None:
    began = shop.platform.now()
    posts = [shop.post(f"第 {number} 条", senders=[QING]) for number in range(3)]
    api, now = "externalcontact/get_moment_list", shop.platform.now()
    page = shop.call(api, start_time=began, end_time=now, limit=2)
    rest = shop.call(api, start_time=began, end_time=now, limit=2, cursor=page["next_cursor"])
    listed = [one["moment_id"] for one in (*page["moment_list"], *rest["moment_list"])]
    assert listed == posts[::-1]
    too_long = shop.call(api, start_time=began - 40 * 86400, end_time=now)
    assert too_long["errcode"] == 40058


def _upload(shop: Shop, attachment_type: str = "1") -> str:
    query = {
        "access_token": shop.call.token(),
        "media_type": "image",
        "attachment_type": attachment_type,
    }
    upload = Upload("rack.png", "image/png", b"\x89PNG\r\n\x1a\n" + b"\0" * 64)
    sent = Call("media/upload_attachment", "POST", query, {}, upload)
    made = answer(shop.platform, sent).answer
    assert isinstance(made, dict)
    assert made["errcode"] == 0, made
    return str(made["media_id"])


def test_pictures_and_a_link_reach_the_phone_but_not_both(shop: Shop) -> None:
    media = _upload(shop)
    pictures = [{"msgtype": "image", "image": {"media_id": media}}] * 2
    link = [
        {"msgtype": "link", "link": {"title": "见面礼", "url": "https://s/", "media_id": media}}
    ]
    for post in (
        shop.post("有图", senders=[QING], attachments=pictures),
        shop.post("有链接", senders=[QING], attachments=link),
    ):
        moments.publish(shop.platform, post, QING)
    newest, older = moments_feed.shown_feed(shop.platform, ANNA)
    assert (newest["link"]["title"], newest["images"]) == ("见面礼", [])
    assert (older["images"], older["link"]) == ([media, media], None)
    both = shop.call(
        "externalcontact/add_moment_task", text={"content": "都要"}, attachments=pictures + link
    )
    assert both["errcode"] == 41065


def test_a_like_is_taken_back_by_a_second_tap(shop: Shop) -> None:
    post = shop.post(senders=[QING])
    moments.publish(shop.platform, post, QING)

    def likes() -> list[str]:
        said = shop.call("externalcontact/get_moment_comments", moment_id=post, userid=QING)
        return [one["external_userid"] for one in said["like_list"]]

    moments_feed.like(shop.platform, ANNA, post, QING)
    assert likes() == [ANNA]
    assert moments_feed.shown_feed(shop.platform, ANNA)[0]["liked"]
    moments_feed.like(shop.platform, ANNA, post, QING)
    assert likes() == []
    with pytest.raises(UnknownSubject):
        moments_feed.like(shop.platform, CARL, post, QING)


def test_guides_confirm_from_the_page_and_a_mass_send_stands_in_the_chat(shop: Shop) -> None:
    shop.mark(QING, ANNA, add_tag=[shop.tag])
    post = shop.post(senders=[QING], tags=[shop.tag])
    made = shop.call(
        "externalcontact/add_msg_template",
        sender=TANG,
        external_userid=[CARL],
        text={"content": "新款到了"},
    )
    shop.clock.advance(seconds=3)
    kinds = [(one["kind"], one["userid"]) for one in moments_feed.waiting_tasks(shop.platform)]
    assert kinds == [("moment", QING), ("mass_send", TANG)]
    assert moments_feed.confirm_task(shop.platform, "moment", post, QING) == 1
    assert moments_feed.confirm_task(shop.platform, "mass_send", made["msgid"], TANG) == 1
    assert moments_feed.waiting_tasks(shop.platform) == []
    assert [one["text"] for one in mass_sends.received(shop.platform, CARL)] == ["新款到了"]
    [message] = shop.platform.timeline.of_customer(CARL)
    assert (message.content, message.servicer) == ({"content": "新款到了"}, TANG)
