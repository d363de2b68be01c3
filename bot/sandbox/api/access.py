"""gettoken and the addresses of the platform."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from ..errors import ApiError
from .call import Answer, Call, get

if TYPE_CHECKING:
    from ..platform import Platform


def get_token(platform: Platform, call: Call) -> Answer:
    """The app's token for its secret."""
    corp, secret = call.query.get("corpid", ""), call.query.get("corpsecret", "")
    if not corp:
        raise ApiError(41002, "corpid missing")
    if not secret:
        raise ApiError(41004, "secret missing")
    if corp != platform.settings.corp_id:
        raise ApiError(40013, "invalid corpid")
    if not hmac.compare_digest(secret.encode(), platform.settings.secret.encode()):
        raise ApiError(40001, "invalid credential")
    token, seconds = platform.access.current(platform.now())
    return {"access_token": token, "expires_in": seconds}


def addresses(platform: Platform, call: Call) -> Answer:
    """This machine is the whole platform."""
    return {"ip_list": ["127.0.0.1"]}


ROUTES = {
    "gettoken": get(get_token, needs_token=False),
    "get_api_domain_ip": get(addresses),
    "getcallbackip": get(addresses),
}
