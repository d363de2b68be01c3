"""From a call to its answer: limits, faults, token, parameters, work, record."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import handovers
from ..errors import ApiError
from ..faults import Fault
from ..media import MediaFile
from ..platform import CallRecord
from . import (
    access,
    acquisition,
    contact_ways,
    contacts,
    corp_tags,
    group_chats,
    group_templates,
    kf_accounts,
    kf_messages,
    kf_sessions,
    mass_sends,
    media_files,
    members,
    moments,
    transfers,
)
from .call import Answer, Body, Call, Endpoint

if TYPE_CHECKING:
    from ..platform import Platform

ENDPOINTS: dict[str, Endpoint] = {
    **access.ROUTES,
    **acquisition.ROUTES,
    **contact_ways.ROUTES,
    **contacts.ROUTES,
    **corp_tags.ROUTES,
    **group_chats.ROUTES,
    **group_templates.ROUTES,
    **kf_accounts.ROUTES,
    **kf_messages.ROUTES,
    **kf_sessions.ROUTES,
    **mass_sends.ROUTES,
    **media_files.ROUTES,
    **members.ROUTES,
    **moments.ROUTES,
    **transfers.ROUTES,
}
SECRET_NAMES = frozenset({"access_token", "corpsecret"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer, and whether a fault keeps it from arriving."""

    answer: Answer
    lost: Fault | None = None


def answer(platform: Platform, call: Call) -> Outcome:
    """Serve one call. Everything it changes is committed before this returns."""
    try:
        reply: Answer = _serve(platform, call)
    except ApiError as error:
        return Outcome(refuse(platform, call, error))
    lost = _lost_answer(platform, call)
    _record(platform, call, reply, bool(lost))
    return Outcome(reply, lost)


def refuse(platform: Platform, call: Call, error: ApiError) -> Body:
    """The refusal as the platform words it, recorded."""
    reply = _refusal(platform, call, error)
    _record(platform, call, reply, lost=False)
    return reply


def masked(values: Mapping[str, str]) -> dict[str, str]:
    """Parameters without the secret ones, for the record."""
    return {name: "***" if name in SECRET_NAMES else value for name, value in values.items()}


def _record(platform: Platform, call: Call, reply: Answer, lost: bool) -> None:
    body = reply if isinstance(reply, dict) else {"media": reply.filename}
    query = masked(call.query)
    platform.calls.append(
        CallRecord(call.api, platform.clock(), query, call.body, body, lost=lost)
    )


def _serve(platform: Platform, call: Call) -> Answer:
    endpoint = ENDPOINTS.get(call.api)
    if endpoint is None:
        raise ApiError(40066, f"invalid url: /cgi-bin/{call.api}")
    platform.settle()
    handovers.settle(platform)
    _strike(platform, call)
    platform.meter.count(call.api, platform.settings.calls_per_minute)
    if endpoint.needs_token:
        _check_token(platform, call)
    if endpoint.method == "POST" and call.method != "POST":
        raise ApiError(40058, "invalid parameter: this api takes POST with a JSON body")
    with platform.store.transaction():
        reply = endpoint.handler(platform, call)
    return reply if isinstance(reply, MediaFile) else {"errcode": 0, "errmsg": "ok", **reply}


def _strike(platform: Platform, call: Call) -> None:
    if platform.faults.take(Fault.BUSY, call.api):
        raise ApiError(-1, "system busy")
    if platform.faults.take(Fault.FREQUENCY, call.api):
        raise ApiError(45009, "api freq out of limit")


def _check_token(platform: Platform, call: Call) -> None:
    if platform.faults.take(Fault.EXPIRED_TOKEN, call.api):
        platform.access.revoke_all()
    platform.access.check(call.query.get("access_token", ""), platform.now())


def _refusal(platform: Platform, call: Call, error: ApiError) -> Body:
    hint = f"{platform.now()}_{secrets.randbelow(90) + 10}_{secrets.token_hex(16)}"
    more = f"https://open.work.weixin.qq.com/devtool/query?e={error.errcode}"
    text = f"{error.text}, hint: [{hint}], from ip: {call.ip}, more info at {more}"
    return {"errcode": error.errcode, "errmsg": text}


def _lost_answer(platform: Platform, call: Call) -> Fault | None:
    for fault in (Fault.LOST_ANSWER, Fault.HANG):
        if platform.faults.take(fault, call.api):
            return fault
    return None
