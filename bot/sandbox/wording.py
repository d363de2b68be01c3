"""Calls in plain words, for the record on the page."""

from __future__ import annotations

from typing import Any

from .msgtypes import MSGTYPES
from .platform import Platform
from .sessions import State

APIS: dict[str, tuple[str, str]] = {
    "gettoken": ("获取 access_token", "get an access token"),
    "get_api_domain_ip": ("查询接口地址", "list API addresses"),
    "getcallbackip": ("查询回调地址段", "list callback addresses"),
    "kf/account/list": ("列出客服账号", "list service accounts"),
    "kf/account/add": ("新建客服账号", "add a service account"),
    "kf/add_contact_way": ("获取客服链接", "get a service link"),
    "kf/servicer/list": ("列出接待人员", "list servicers"),
    "kf/customer/batchget": ("查询客户资料", "read customer profiles"),
    "kf/service_state/get": ("查询会话状态", "read the session state"),
    "kf/send_msg_on_event": ("发送欢迎语或提示语", "send a reply on an event"),
    "media/upload": ("上传素材", "upload media"),
    "media/uploadimg": ("上传图片", "upload a picture"),
    "media/upload_attachment": ("上传附件", "upload an attachment"),
    "media/get": ("下载素材", "download media"),
    "externalcontact/list": ("列出导购的客户", "list a guide's contacts"),
    "externalcontact/get": ("查询客户详情", "read a contact"),
    "externalcontact/get_follow_user_list": ("列出导购", "list guides"),
    "externalcontact/batch/get_by_user": ("批量读取客户", "read a page of contacts"),
    "externalcontact/remark": ("修改客户备注", "change a remark"),
    "externalcontact/send_welcome_msg": ("发送欢迎语", "greet a new friend"),
    "externalcontact/add_contact_way": ("新建渠道活码", "make a channel code"),
    "externalcontact/get_contact_way": ("读取渠道活码", "read a channel code"),
    "externalcontact/list_contact_way": ("列出渠道活码", "list channel codes"),
    "externalcontact/update_contact_way": ("修改渠道活码", "change a channel code"),
    "externalcontact/del_contact_way": ("删除渠道活码", "delete a channel code"),
    "externalcontact/customer_acquisition/create_link": ("新建获客链接", "make a link"),
    "externalcontact/customer_acquisition/get": ("读取获客链接", "read a link"),
    "externalcontact/customer_acquisition/list_link": ("列出获客链接", "list links"),
    "externalcontact/customer_acquisition/update_link": ("修改获客链接", "change a link"),
    "externalcontact/customer_acquisition/delete_link": ("删除获客链接", "delete a link"),
    "externalcontact/customer_acquisition/customer": (
        "查询链接带来的客户",
        "read a link's friends",
    ),
    "externalcontact/customer_acquisition_quota": ("查询获客额度", "read the link quota"),
    "externalcontact/transfer_customer": ("转交客户给同事", "hand customers over"),
    "externalcontact/transfer_result": ("查询转交结果", "read how handovers went"),
    "externalcontact/get_corp_tag_list": ("列出企业标签", "list corp tags"),
    "externalcontact/add_corp_tag": ("新建企业标签", "add corp tags"),
    "externalcontact/edit_corp_tag": ("修改企业标签", "edit a corp tag"),
    "externalcontact/del_corp_tag": ("删除企业标签", "delete corp tags"),
    "externalcontact/mark_tag": ("给客户打标签", "mark a customer"),
    "externalcontact/groupchat/list": ("列出客户群", "list groups"),
    "externalcontact/groupchat/get": ("读取客户群", "read a group"),
    "externalcontact/groupchat/statistic": ("统计客户群", "count what happened in groups"),
    "externalcontact/groupchat/add_join_way": ("新建入群活码", "make a group code"),
    "externalcontact/groupchat/get_join_way": ("读取入群活码", "read a group code"),
    "externalcontact/groupchat/update_join_way": ("修改入群活码", "change a group code"),
    "externalcontact/groupchat/del_join_way": ("删除入群活码", "delete a group code"),
    "externalcontact/group_welcome_template/add": ("新建入群欢迎语", "add a group greeting"),
    "externalcontact/group_welcome_template/edit": ("修改入群欢迎语", "edit a group greeting"),
    "externalcontact/group_welcome_template/get": ("读取入群欢迎语", "read a group greeting"),
    "externalcontact/group_welcome_template/del": ("删除入群欢迎语", "delete a group greeting"),
    "user/get": ("查询成员", "read a member"),
    "externalcontact/add_msg_template": ("建群发任务", "make a mass-send task"),
    "externalcontact/get_groupmsg_list_v2": ("列出群发任务", "list mass-send tasks"),
    "externalcontact/get_groupmsg_task": ("查询谁确认了群发", "ask who has confirmed"),
    "externalcontact/get_groupmsg_send_result": ("查询群发结果", "read a mass send's results"),
    "externalcontact/remind_groupmsg_send": ("提醒导购发群发", "remind of a mass send"),
    "externalcontact/cancel_groupmsg_send": ("取消群发", "cancel a mass send"),
    "externalcontact/add_moment_task": ("建朋友圈任务", "make a moments task"),
    "externalcontact/get_moment_task_result": ("查询朋友圈任务", "ask for a moments task"),
    "externalcontact/get_moment_list": ("列出朋友圈", "list moments"),
    "externalcontact/get_moment_task": ("查询谁发表了朋友圈", "ask who has published"),
    "externalcontact/get_moment_customer_list": ("查询朋友圈可见客户", "read a post's audience"),
    "externalcontact/get_moment_send_result": ("查询谁看到朋友圈", "ask who saw a post"),
    "externalcontact/get_moment_comments": ("查询朋友圈互动", "read likes and comments"),
    "externalcontact/cancel_moment_task": ("取消朋友圈任务", "cancel a moments task"),
}
STATES: dict[State, tuple[str, str]] = {
    State.NEW: ("待处理", "new"),
    State.ASSISTANT: ("机器人接待中", "with the assistant"),
    State.POOL: ("排队等人工", "waiting for a person"),
    State.SERVICER: ("人工接待中", "with a servicer"),
    State.ENDED: ("已结束", "ended"),
}
ERRORS: dict[int, tuple[str, str]] = {
    -1: ("平台繁忙", "busy"),
    40001: ("密钥不对", "wrong secret"),
    40007: ("素材无效或已过期", "bad media id"),
    40008: ("消息类型不支持", "bad message type"),
    40013: ("企业号不对", "wrong corp id"),
    40014: ("令牌无效", "invalid token"),
    40033: ("中文不可写成 \\u 转义", "illegal escapes"),
    40058: ("参数不对", "bad parameter"),
    40066: ("没有这个接口", "no such API"),
    40096: ("没有这位客户", "no such customer"),
    41001: ("没有带令牌", "token missing"),
    41041: ("活码的人数不对", "wrong number of users"),
    41044: ("没有这个活码", "no such code"),
    41095: ("获客额度用完了", "no link quota left"),
    41050: ("欢迎语凭证已过期", "welcome code expired"),
    41051: ("已经欢迎过了", "welcomed already"),
    41053: ("客户还没同意会话存档", "no consent yet"),
    41054: ("成员没有客户联系权限", "not a guide"),
    42001: ("令牌已过期", "token expired"),
    40068: ("标签无效", "bad tag"),
    45009: ("调用太频繁", "too many calls"),
    50100: ("游标无效", "bad cursor"),
    84061: ("不是好友", "not friends"),
    95001: ("客户每写一次最多回 5 条", "five replies at most"),
    95002: ("客户已超过 48 小时没有写", "48 hours have passed"),
    95004: ("没有这个客服账号", "no such account"),
    95007: ("凭证无效或已过期", "code invalid or expired"),
    95013: ("会话已结束", "session ended"),
    95014: ("不是接待人员", "not a servicer"),
    95016: ("会话状态不能这样变更", "illegal transition"),
    95018: ("会话状态不允许发送", "state forbids sending"),
    95019: ("接待人员已停止接待", "servicer is away"),
    95033: ("msgid 用过了，没有重复发送", "msgid used before; not sent again"),
}


def call_in_words(
    platform: Platform, api: str, body: dict[str, Any], answer: dict[str, Any]
) -> tuple[str, str]:
    """One line in Chinese and one in English."""
    zh, en = _what(platform, api, body, answer)
    zh_end, en_end = _ending(answer)
    return f"机器人 → 企业微信：{zh}{zh_end}", f"Bot → WeCom: {en}{en_end}"


def content_in_words(msgtype: str, content: dict[str, Any]) -> str:
    """The gist of a message."""
    if msgtype == "text":
        return str(content.get("content", ""))
    if msgtype == "msgmenu":
        return str(content.get("head_content", ""))
    return str(content.get("title") or content.get("name") or "")


def _what(
    platform: Platform, api: str, body: dict[str, Any], answer: dict[str, Any]
) -> tuple[str, str]:
    if api == "kf/send_msg":
        return _send(platform, body)
    if api == "kf/sync_msg":
        return _sync(answer)
    if api == "message/send":
        return _notice(body)
    if api == "kf/service_state/trans":
        return _transition(platform, body)
    return APIS.get(api, (f"调用 {api}", f"call {api}"))


def _send(platform: Platform, body: dict[str, Any]) -> tuple[str, str]:
    msgtype = str(body.get("msgtype", ""))
    zh, en = MSGTYPES.get(msgtype, (msgtype, msgtype))
    name = _nickname(platform, str(body.get("touser", "")))
    content = body.get(msgtype)
    gist = content_in_words(msgtype, content) if isinstance(content, dict) else ""
    quoted = f"：「{gist}」" if gist else ""
    return f"发送{zh}给 {name}{quoted}", f"send {en} to {name}" + (f': "{gist}"' if gist else "")


def _sync(answer: dict[str, Any]) -> tuple[str, str]:
    if answer.get("errcode"):
        return "拉取消息", "read messages"
    count = len(answer.get("msg_list", []))
    more = answer.get("has_more")
    zh = f"拉取消息，得到 {count} 条" + ("，后面还有" if more else "")
    return zh, f"read messages, got {count}" + (", more to come" if more else "")


def _notice(body: dict[str, Any]) -> tuple[str, str]:
    kind = str(body.get("msgtype", ""))
    zh, en = MSGTYPES.get(kind, (kind, kind))
    receivers = str(body.get("touser", "")).replace("|", "、")
    return f"给导购 {receivers} 发{zh}提醒", f"notify guide {receivers} by {en}"


def _transition(platform: Platform, body: dict[str, Any]) -> tuple[str, str]:
    name = _nickname(platform, str(body.get("external_userid", "")))
    try:
        zh, en = STATES[State(int(body.get("service_state", -1)))]
    except (ValueError, TypeError):
        zh, en = "未知状态", "an unknown state"
    return f"把 {name} 的会话改为「{zh}」", f"move the session of {name} to '{en}'"


def _nickname(platform: Platform, external_userid: str) -> str:
    found = platform.store.value(
        "SELECT nickname FROM customers WHERE external_userid = ?", external_userid
    )
    return str(found or external_userid or "?")


def _ending(answer: dict[str, Any]) -> tuple[str, str]:
    code = int(answer.get("errcode", 0))
    if code == 0:
        return "", ""
    zh, en = ERRORS.get(code, ("被拒绝", "refused"))
    return f" → {code} {zh}", f" → {code} {en}"
