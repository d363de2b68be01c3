"""Which calls may be repeated after an unknown outcome.

WeCom has no general idempotency key: a call is repeatable when it only reads, when it sets a
value that is the same the second time, or when it carries a key of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_READS = frozenset(
    {
        "kf/sync_msg",
        "kf/customer/batchget",
        "kf/account/list",
        "kf/service_state/get",
        "externalcontact/batch/get_by_user",
        "externalcontact/groupchat/statistic",
    }
)
# They set a value that is the same the second time.
_SETS = frozenset(
    {
        "externalcontact/mark_tag",
        "kf/add_contact_way",
        "externalcontact/remark",
        "externalcontact/edit_corp_tag",
        "externalcontact/update_contact_way",
        "externalcontact/customer_acquisition/update_link",
        "externalcontact/group_welcome_template/edit",
        "externalcontact/groupchat/update_join_way",
    }
)
# An upload repeated leaves an unused file that WeCom drops after three days.
_HARMLESS = frozenset({"media/upload", "media/upload_attachment", "media/uploadimg"})
_KEYED = {"kf/send_msg": "msgid"}
_READING_VERBS = ("get", "list", "batchget")


def is_repeatable(method: str, api: str, body: Mapping[str, Any] | None) -> bool:
    if method == "GET" or api in _READS | _SETS | _HARMLESS:
        return True
    if key := _KEYED.get(api):
        return bool(body and body.get(key))
    return api.rsplit("/", 1)[-1].startswith(_READING_VERBS)
