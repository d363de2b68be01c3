from __future__ import annotations

import random
import string
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from bot.wecom.events import InboundEvent, KfAccountAuthChange, KfNotice, typed_event
from bot.wecom.xml import read_xml

NOTICE = {
    "ToUserName": "ww1",
    "CreateTime": "1795140000",
    "MsgType": "event",
    "Event": "kf_msg_or_event",
    "Token": "ENC1",
    "OpenKfId": "wk1",
}
NAMES = st.text(string.ascii_letters, min_size=1, max_size=4)
WORDS = st.text(max_size=4)
VALUES = WORDS | st.lists(WORDS, min_size=2, max_size=3) | st.fixed_dictionaries({"Item": WORDS})
FIELDS = st.dictionaries(NAMES, VALUES, min_size=1, max_size=4)


@given(FIELDS, FIELDS)
def test_two_different_events_never_share_a_key(one: dict[str, Any], two: dict[str, Any]) -> None:
    assume(one != two)
    assert InboundEvent(one).dedupe_key != InboundEvent(two).dedupe_key


@given(FIELDS, st.integers())
def test_copies_share_a_key_whatever_their_order(fields: dict[str, Any], seed: int) -> None:
    shuffled = list(fields.items())
    random.Random(seed).shuffle(shuffled)
    assert InboundEvent(dict(shuffled)).dedupe_key == InboundEvent(fields).dedupe_key


@given(FIELDS, FIELDS, st.text(string.digits, min_size=1))
def test_a_message_is_told_apart_by_its_msgid(
    one: dict[str, Any], two: dict[str, Any], msgid: str
) -> None:
    first, again = InboundEvent(one | {"MsgId": msgid}), InboundEvent(two | {"MsgId": msgid})
    other = InboundEvent(one | {"MsgId": msgid + "0"})
    assert first.dedupe_key == again.dedupe_key != other.dedupe_key


def test_two_customers_added_in_the_same_second_are_two() -> None:
    added = NOTICE | {"Event": "change_external_contact", "ChangeType": "add_external_contact"}
    one = typed_event(added | {"ExternalUserID": "wm1"})
    two = typed_event(added | {"ExternalUserID": "wm2"})
    assert one.dedupe_key != two.dedupe_key
    assert one.lane != two.lane
    assert one.change_type == "add_external_contact"


def test_an_event_and_a_message_with_its_hash_as_msgid_differ() -> None:
    event = InboundEvent(NOTICE)
    assert InboundEvent({"MsgId": event.dedupe_key}).dedupe_key != event.dedupe_key


def test_notices_of_one_account_share_a_lane() -> None:
    one, two = typed_event(NOTICE), typed_event(NOTICE | {"Token": "ENC2"})
    assert isinstance(one, KfNotice)
    assert one.lane == two.lane == "kf:wk1"
    assert one.dedupe_key != two.dedupe_key


def test_a_lane_fits_its_column_whatever_is_sent() -> None:
    long = "k" * 5000
    for event in ("kf_msg_or_event", "x" * 5000, "change_external_contact"):
        fields = NOTICE | {"Event": event, "OpenKfId": long, "ExternalUserID": long}
        assert len(typed_event(fields).lane) <= 200


def test_account_changes_repeat_or_stand_alone() -> None:
    xml = (
        "<xml><Event>kf_account_auth_change</Event><AuthAddOpenKfId>a</AuthAddOpenKfId>"
        "<AuthAddOpenKfId>b</AuthAddOpenKfId><AuthDelOpenKfId>c</AuthDelOpenKfId></xml>"
    )
    change = typed_event(read_xml(xml))
    assert isinstance(change, KfAccountAuthChange)
    assert (change.added, change.removed) == (("a", "b"), ("c",))


def test_account_changes_of_a_strange_shape_name_no_account() -> None:
    for inner in ("<a>x</a>", ""):
        xml = (
            "<xml><Event>kf_account_auth_change</Event>"
            f"<AuthAddOpenKfId>{inner}</AuthAddOpenKfId><AuthAddOpenKfId>b</AuthAddOpenKfId></xml>"
        )
        change = typed_event(read_xml(xml))
        assert isinstance(change, KfAccountAuthChange)
        assert change.added == ("b",)


def test_an_unknown_event_keeps_its_name_and_fields() -> None:
    event = typed_event({"Event": "brand_new", "Anything": ["1", {"a": "b"}]})
    assert type(event) is InboundEvent
    assert event.event == "brand_new"
    assert event.fields["Anything"] == ["1", {"a": "b"}]


def test_a_member_message_is_named_by_its_type() -> None:
    event = typed_event({"MsgType": "text", "Content": "hi", "FromUserName": "guide"})
    assert event.event == "text"
    assert typed_event({"a": "b"}).event == "unknown"


def test_xml_lists_and_nesting_become_plain_values() -> None:
    fields = read_xml("<xml><a>1</a><b><c>2</c><c>3</c></b><a>4</a><a>5</a><e/></xml>")
    assert fields == {"a": ["1", "4", "5"], "b": {"c": ["2", "3"]}, "e": ""}
