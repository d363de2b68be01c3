from __future__ import annotations

import pytest

from bot.sandbox import DEFAULT_ACCOUNT, Platform, reception
from bot.sandbox.sessions import TRANSITIONS, State

from .conftest import XIAOLIN, Caller


def bring_to(platform: Platform, state: State) -> None:
    platform.customer_writes(XIAOLIN, "在吗")
    platform.sessions.update(DEFAULT_ACCOUNT, XIAOLIN, state=int(state))


@pytest.mark.parametrize("before", list(State))
@pytest.mark.parametrize("after", list(State))
def test_transition_table(platform: Platform, call: Caller, before: State, after: State) -> None:
    bring_to(platform, before)
    answer = call.move(int(after), servicer_userid="guide_qing")
    if after in TRANSITIONS[before]:
        assert answer["errcode"] == 0
        assert call.state() == after
    else:
        assert answer["errcode"] == (95013 if before is State.ENDED else 95016)
        assert call.state() == before


def test_only_a_first_change_gives_a_code(platform: Platform, call: Caller) -> None:
    bring_to(platform, State.NEW)
    assert "msg_code" not in call.move(1)
    assert call.move(3, servicer_userid="guide_qing")["msg_code"]
    assert "msg_code" not in call.move(3, servicer_userid="guide_tang")
    assert call.move(4)["msg_code"]


def test_servicers_must_exist_and_receive(platform: Platform, call: Caller) -> None:
    bring_to(platform, State.NEW)
    assert call.move(3, servicer_userid="nobody")["errcode"] == 95014
    reception.set_receiving(platform, "guide_tang", False)
    assert call.move(3, servicer_userid="guide_tang")["errcode"] == 95019
    assert call.move(3)["errcode"] == 40058
    assert call.move(9)["errcode"] == 40058


def test_a_customer_reopens_an_ended_session(platform: Platform, call: Caller) -> None:
    bring_to(platform, State.ENDED)
    platform.customer_writes(XIAOLIN, "还有个问题")
    assert call.state() == State.NEW


def test_a_customer_writing_to_a_servicer_stays_there(platform: Platform, call: Caller) -> None:
    bring_to(platform, State.NEW)
    reception.take(platform, XIAOLIN, "guide_qing")
    platform.customer_writes(XIAOLIN, "你好")
    assert call.state() == State.SERVICER


def test_moving_by_api_tells_the_callback_nothing(platform: Platform, call: Caller) -> None:
    bring_to(platform, State.NEW)
    pushed = len(platform.pushes)
    call.move(2)
    call.move(4)
    assert len(platform.pushes) == pushed
    assert len(call.sync()["msg_list"]) == 1
