"""Customer service: accounts, links, servicers and customers' profiles."""

from __future__ import annotations

import re
import secrets
import sqlite3
from typing import TYPE_CHECKING

from ..customers import Customer
from ..errors import ApiError
from ..sessions import Session
from .call import Answer, Body, Call, get, optional_text, post
from .kf_messages import require_account

if TYPE_CHECKING:
    from ..platform import Platform

MOST_ACCOUNTS = 10
SCENE = re.compile(r"[0-9a-zA-Z_-]{1,32}")


def list_accounts(platform: Platform, call: Call) -> Answer:
    """A page of accounts; one shorter than the limit is the last."""
    offset, limit = call.number("offset", 0), call.number("limit", 100)
    if offset < 0 or not 1 <= limit <= 100:
        raise ApiError(40058, "invalid parameter: offset or limit")
    rows = platform.store.all(
        "SELECT * FROM accounts ORDER BY rowid LIMIT ? OFFSET ?", limit, offset
    )
    return {"account_list": [_account(row) for row in rows]}


def add_account(platform: Platform, call: Call) -> Answer:
    """A new account, managed by this app."""
    name = call.text("name", missing=95006)
    if len(name) > 16:
        raise ApiError(95006, "invalid kf account name: more than 16 characters")
    media_id = call.text("media_id", missing=41006, longest=128)
    platform.media.require(media_id, "image", platform.now())
    if platform.store.value("SELECT COUNT(*) FROM accounts") >= MOST_ACCOUNTS:
        raise ApiError(95027, f"an uncertified corp may have {MOST_ACCOUNTS} kf accounts")
    open_kfid = "wk" + secrets.token_urlsafe(22)
    platform.store.insert(
        "accounts", open_kfid=open_kfid, name=name, avatar=media_id, api_managed=1
    )
    return {"open_kfid": open_kfid}


def add_contact_way(platform: Platform, call: Call) -> Answer:
    """A link by which customers come in."""
    open_kfid = require_account(platform, call)
    scene = optional_text(call.body, "scene")
    if scene and not SCENE.fullmatch(scene):
        raise ApiError(40058, "invalid parameter: scene must be 1-32 of [0-9a-zA-Z_-]")
    url = f"https://work.weixin.qq.com/kf/kfc{open_kfid[-14:]}"
    return {"url": f"{url}?enc_scene=ENC{secrets.token_urlsafe(12)}" if scene else url}


def list_servicers(platform: Platform, call: Call) -> Answer:
    """Who receives: here 0 is receiving and 1 stopped."""
    open_kfid = _account_in_query(platform, call)
    rows = platform.store.all("SELECT * FROM servicers WHERE open_kfid = ?", open_kfid)
    return {"servicer_list": [_servicer(row) for row in rows]}


def add_servicers(platform: Platform, call: Call) -> Answer:
    """Let members receive; a repeat is ignored."""
    return _change_servicers(platform, call, "INSERT OR IGNORE INTO servicers VALUES (?, ?, 0)")


def delete_servicers(platform: Platform, call: Call) -> Answer:
    """Members who no longer receive."""
    return _change_servicers(
        platform, call, "DELETE FROM servicers WHERE open_kfid = ? AND userid = ?"
    )


def get_customers(platform: Platform, call: Call) -> Answer:
    """Profiles of customers who entered or wrote in the last 48 hours."""
    wanted = call.texts("external_userid_list", most=100)
    context = call.number("need_enter_session_context", 0) == 1
    known = {customer.external_userid: customer for customer in platform.customers()}
    found: list[Body] = []
    invalid: list[str] = []
    for external_userid in wanted:
        session = _latest_session(platform, external_userid)
        if external_userid in known and session is not None:
            found.append(_profile(known[external_userid], session, context=context))
        else:
            invalid.append(external_userid)
    return {"customer_list": found, "invalid_external_userid": invalid}


def _latest_session(platform: Platform, external_userid: str) -> Session | None:
    rows = platform.store.all(
        "SELECT open_kfid FROM sessions WHERE external_userid = ?", external_userid
    )
    sessions = [platform.sessions.get(row["open_kfid"], external_userid) for row in rows]
    active = [one for one in sessions if one.active_within_window(platform.now())]
    return max(active, key=lambda one: max(one.asked_at, one.entered_at), default=None)


def _profile(customer: Customer, session: Session, *, context: bool) -> Body:
    profile: Body = {
        "external_userid": customer.external_userid,
        "nickname": customer.nickname,
        "avatar": "",
        "gender": customer.gender,
    }
    if context and session.entered_at:
        scene = {"scene": session.scene, "scene_param": session.scene_param}
        profile["enter_session_context"] = scene
    return profile


def _change_servicers(platform: Platform, call: Call, sql: str) -> Answer:
    open_kfid = require_account(platform, call)
    results = []
    for userid in call.texts("userid_list", most=100):
        changed = platform.store.run(sql, open_kfid, userid)
        results.append(
            {"userid": userid, "errcode": 0, "errmsg": "success" if changed else "ignored"}
        )
    return {"result_list": results}


def _account_in_query(platform: Platform, call: Call) -> str:
    open_kfid = call.query.get("open_kfid", "")
    if not open_kfid:
        raise ApiError(60251, "missing parameter: open_kfid")
    if not platform.has_account(open_kfid):
        raise ApiError(95004, "open_kfid does not exist")
    return open_kfid


def _account(row: sqlite3.Row) -> Body:
    return {
        "open_kfid": row["open_kfid"],
        "name": row["name"],
        "avatar": row["avatar"],
        "manage_privilege": bool(row["api_managed"]),
    }


def _servicer(row: sqlite3.Row) -> Body:
    servicer: Body = {"userid": row["userid"], "status": row["status"]}
    return {**servicer, "stop_type": 0} if row["status"] else servicer


ROUTES = {
    "kf/account/list": post(list_accounts),
    "kf/account/add": post(add_account),
    "kf/add_contact_way": post(add_contact_way),
    "kf/servicer/list": get(list_servicers),
    "kf/servicer/add": post(add_servicers),
    "kf/servicer/del": post(delete_servicers),
    "kf/customer/batchget": post(get_customers),
}
