"""Customer service: who is receiving, and handing a session on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ApiError
from ..sessions import State
from .call import Answer, Body, Call, post
from .kf_messages import require_account, require_customer

if TYPE_CHECKING:
    from ..platform import Platform

CODE_KINDS = {State.POOL: "pool", State.SERVICER: "pickup", State.ENDED: "end"}


def get_state(platform: Platform, call: Call) -> Answer:
    """The state, with the servicer in state 3."""
    open_kfid, external_userid = _pair(platform, call)
    session = platform.sessions.get(open_kfid, external_userid)
    state = session.state_at(platform.now())
    answer: Body = {"service_state": int(state)}
    return {**answer, "servicer_userid": session.servicer} if state is State.SERVICER else answer


def change_state(platform: Platform, call: Call) -> Answer:
    """Hand the session on; the first change gives a code for one message."""
    open_kfid, external_userid = _pair(platform, call)
    target = _target(call)
    now, session = platform.now(), platform.sessions.get(open_kfid, external_userid)
    platform.sessions.check_transition(session, target, now)
    servicer = _servicer(platform, call, open_kfid) if target is State.SERVICER else ""
    platform.sessions.update(open_kfid, external_userid, state=int(target), servicer=servicer)
    platform.changed("customers")
    kind = CODE_KINDS.get(target)
    if kind is None or session.state is target:
        return {}
    return {"msg_code": platform.codes.issue(open_kfid, external_userid, kind, target, now)}


def _pair(platform: Platform, call: Call) -> tuple[str, str]:
    open_kfid = require_account(platform, call)
    return open_kfid, require_customer(platform, call.text("external_userid", missing=41035))


def _target(call: Call) -> State:
    try:
        return State(call.number("service_state", -1))
    except ValueError as error:
        raise ApiError(40058, "invalid parameter: service_state") from error


def _servicer(platform: Platform, call: Call, open_kfid: str) -> str:
    userid = call.text("servicer_userid")
    status = platform.store.value(
        "SELECT status FROM servicers WHERE open_kfid = ? AND userid = ?", open_kfid, userid
    )
    if status is None:
        raise ApiError(95014, "the member is not a servicer of this account")
    if status:
        raise ApiError(95019, "the servicer has stopped receiving")
    return userid


ROUTES = {
    "kf/service_state/get": post(get_state),
    "kf/service_state/trans": post(change_state),
}
