from __future__ import annotations

from bot.sandbox import DEFAULT_ACCOUNT, Platform, reception, visits

from .conftest import AMAY, XIAOLIN, Caller, FakeClock


def write(platform: Platform, *lines: str) -> None:
    for line in lines:
        platform.customer_writes(XIAOLIN, line)


def texts(page: dict[str, object]) -> list[str]:
    rows = page["msg_list"]
    assert isinstance(rows, list)
    return [row["text"]["content"] for row in rows]


def test_pages_follow_the_cursor_without_gap_or_overlap(platform: Platform, call: Caller) -> None:
    write(platform, *(f"第{n}句" for n in range(7)))
    seen: list[str] = []
    cursor = ""
    for expected_more in (1, 1, 0):
        page = call.sync(cursor=cursor, limit=3)
        assert page["has_more"] == expected_more
        assert len(page["next_cursor"]) <= 64
        seen, cursor = seen + texts(page), page["next_cursor"]
    assert seen == [f"第{n}句" for n in range(7)]
    assert call.sync(cursor=cursor)["msg_list"] == []
    write(platform, "又一句")
    assert texts(call.sync(cursor=cursor)) == ["又一句"]


def test_the_same_cursor_reads_the_same_page_again(platform: Platform, call: Caller) -> None:
    write(platform, "在吗")
    assert call.sync() == call.sync()


def test_invalid_and_foreign_cursors_are_refused(platform: Platform, call: Caller) -> None:
    write(platform, "在吗")
    assert call.sync(cursor="???")["errcode"] == 50100
    picture = b"\x89PNG\r\n\x1a\n" + b"0" * 20
    media = platform.media.add(
        "image", picture, filename="a.png", content_type="image/png", now=platform.now()
    )
    other = call("kf/account/add", name="二店", media_id=media.media_id)["open_kfid"]
    cursor = call.sync()["next_cursor"]
    assert call.sync(open_kfid=other, cursor=cursor)["errcode"] == 50100


def test_history_reaches_three_days_back(
    platform: Platform, call: Caller, clock: FakeClock
) -> None:
    write(platform, "四天前")
    clock.advance(days=4)
    write(platform, "今天")
    assert texts(call.sync()) == ["今天"]


def test_push_token_lives_ten_minutes_and_for_one_account(
    platform: Platform, call: Caller, clock: FakeClock
) -> None:
    write(platform, "在吗")
    token = platform.pushes[-1].token
    assert call.sync(token=token)["errcode"] == 0
    assert call.sync(token="ENCmadeup")["errcode"] == 95007
    clock.advance(minutes=10, seconds=1)
    assert call.sync(token=token)["errcode"] == 95007


def test_empty_pages_say_that_more_is_to_come(platform: Platform, call: Caller) -> None:
    write(platform, "在吗")
    platform.faults.set("empty_pages", amount=2)
    first = call.sync()
    second = call.sync(cursor=first["next_cursor"])
    assert (first["has_more"], first["msg_list"]) == (1, [])
    assert (second["has_more"], second["msg_list"]) == (1, [])
    third = call.sync(cursor=second["next_cursor"])
    assert (third["has_more"], texts(third)) == (0, ["在吗"])


def test_account_and_limit_are_checked(call: Caller) -> None:
    assert call("kf/sync_msg")["errcode"] == 60251
    assert call.sync(open_kfid="wkNobody")["errcode"] == 95004
    assert call.sync(limit=0)["errcode"] == 40058
    assert call.sync(limit="10")["errcode"] == 40058
    assert call.sync(limit=5000)["errcode"] == 0


def test_events_carry_their_ids_inside(platform: Platform, call: Caller) -> None:
    visits.enter(platform, XIAOLIN, scene="poster", scene_param="a=1")
    (row,) = call.sync()["msg_list"]
    assert "external_userid" not in row
    assert "open_kfid" not in row
    assert (row["msgtype"], row["origin"]) == ("event", 4)
    event = row["event"]
    assert event["event_type"] == "enter_session"
    assert (event["external_userid"], event["scene"]) == (XIAOLIN, "poster")
    assert event["welcome_code"]


def test_a_welcome_is_not_due_to_someone_who_wrote(
    platform: Platform, call: Caller, clock: FakeClock
) -> None:
    write(platform, "在吗")
    event = visits.enter(platform, XIAOLIN)
    assert "welcome_code" not in event.content
    clock.advance(hours=49)
    assert "welcome_code" in visits.enter(platform, XIAOLIN).content


def test_guides_in_the_client_are_heard(platform: Platform, call: Caller) -> None:
    write(platform, "转人工")
    reception.reply(platform, XIAOLIN, "guide_qing", "我在呢")
    rows = call.sync()["msg_list"]
    change, said = rows[-2]["event"], rows[-1]
    assert (change["event_type"], change["change_type"]) == ("session_status_change", 1)
    assert (said["origin"], said["servicer_userid"]) == (5, "guide_qing")
    reception.end(platform, XIAOLIN)
    ended = call.sync()["msg_list"][-1]["event"]
    assert (ended["change_type"], ended["old_servicer_userid"]) == (3, "guide_qing")


def test_receiving_is_coded_differently_in_list_and_event(
    platform: Platform, call: Caller
) -> None:
    reception.set_receiving(platform, "guide_tang", False)
    event = call.sync()["msg_list"][-1]["event"]
    assert event["status"] == 2
    query = {"access_token": call.token(), "open_kfid": DEFAULT_ACCOUNT}
    listed = call.raw("kf/servicer/list", "GET", query=query)["servicer_list"]
    assert {row["userid"]: row["status"] for row in listed} == {
        "guide_qing": 0,
        "guide_tang": 1,
    }


def test_a_customer_takes_a_message_back(platform: Platform, call: Caller) -> None:
    message = platform.customer_writes(AMAY, "发错了")
    visits.recall(platform, AMAY, message.msgid)
    event = call.sync()["msg_list"][-1]["event"]
    assert event["event_type"] == "user_recall_msg"
    assert event["recall_msgid"] == message.msgid
