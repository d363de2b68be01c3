"""Greetings of groups: made by the app, chosen by owners on their phones."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from ..errors import ApiError
from ..sample import GUIDES
from .call import Answer, Body, Call, check_length, object_of, optional_text, post, text_of

if TYPE_CHECKING:
    from ..platform import Platform

MOST_TEMPLATES = 100
TEXT_BYTES = 3000
# WeCom: one of them, in this order of priority.
EXTRAS = ("image", "link", "miniprogram", "file", "video")
TITLES = {"link": 128, "miniprogram": 64}


def add(platform: Platform, call: Call) -> Answer:
    """A new greeting; owners hear of it unless `notify` is 0."""
    body = _checked(platform, call)
    notify = call.number("notify", 1)
    if platform.store.value("SELECT COUNT(*) FROM group_templates") >= MOST_TEMPLATES:
        raise ApiError(41055, "group welcome template exceeds the limit of 100")
    template_id = f"msgSandbox{secrets.token_hex(12)}"
    platform.store.insert(
        "group_templates",
        template_id=template_id,
        body=json.dumps(body, ensure_ascii=False),
        notified=len(GUIDES) if notify else 0,
    )
    return {"template_id": template_id}


def edit(platform: Platform, call: Call) -> Answer:
    """Everything is replaced."""
    template_id, _ = _template(platform, call)
    platform.store.run(
        "UPDATE group_templates SET body = ? WHERE template_id = ?",
        json.dumps(_checked(platform, call), ensure_ascii=False),
        template_id,
    )
    return {}


def get(platform: Platform, call: Call) -> Answer:
    """One greeting as it was written."""
    _, body = _template(platform, call)
    return body


def delete(platform: Platform, call: Call) -> Answer:
    """Take a greeting away; groups that chose it greet nobody any more."""
    template_id, _ = _template(platform, call)
    platform.store.run("DELETE FROM group_templates WHERE template_id = ?", template_id)
    return {}


def _template(platform: Platform, call: Call) -> tuple[str, Body]:
    template_id = call.text("template_id")
    row = platform.store.one("SELECT body FROM group_templates WHERE template_id = ?", template_id)
    if row is None:
        raise ApiError(41058, "template was not created by this app")
    body: Body = json.loads(row["body"])
    return template_id, body


def _checked(platform: Platform, call: Call) -> Body:
    body: Body = {}
    if call.body.get("text"):
        content = text_of(object_of(call.body, "text"), "content", longest=TEXT_BYTES)
        body["text"] = {"content": content}
    kind = next((name for name in EXTRAS if call.body.get(name)), "")
    if kind:
        body[kind] = _extra(platform, kind, object_of(call.body, kind))
    if not body:
        raise ApiError(40058, "invalid parameter: text and attachment are both empty")
    return body


def _extra(platform: Platform, kind: str, extra: Body) -> Body:
    if kind in TITLES:
        check_length("title", text_of(extra, "title"), TITLES[kind])
        text_of(extra, "url" if kind == "link" else "appid")
        media_id = optional_text(extra, "pic_media_id")
        if kind == "miniprogram":
            platform.media.require(media_id, "image", platform.now())
    elif not (kind == "image" and optional_text(extra, "pic_url")):
        platform.media.require(text_of(extra, "media_id"), kind, platform.now())
    return extra


ROUTES = {
    "externalcontact/group_welcome_template/add": post(add),
    "externalcontact/group_welcome_template/edit": post(edit),
    "externalcontact/group_welcome_template/get": post(get),
    "externalcontact/group_welcome_template/del": post(delete),
}
