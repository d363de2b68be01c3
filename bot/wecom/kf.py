"""WeChat customer service (微信客服): the endpoints, and its messages as values."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from wechatpy.work.client.api.kf import WeChatKF

from bot.wecom.storable import storable

Answer = Awaitable[dict[str, Any]]

CUSTOMER, SYSTEM, SERVICER = 3, 4, 5
_END_OF_TIME = 2**32  # seconds; in 2106


class KfApi(WeChatKF):  # type: ignore[misc]  # wechatpy has no types
    """wechatpy's kf endpoints, with those that it lacks or has outgrown."""

    def sync_msg(self, *, open_kfid: str, cursor: str, token: str | None, limit: int) -> Answer:
        """One page of messages; `cursor` is empty for the first."""
        data: dict[str, Any] = {"open_kfid": open_kfid, "limit": limit}
        if cursor:
            data["cursor"] = cursor
        if token:
            data["token"] = token
        answer: Answer = self._post("kf/sync_msg", data=data)
        return answer

    def send_msg(self, message: Mapping[str, Any]) -> Answer:
        """WeCom: at most 5 messages within 48 h of the customer's last; states 0 and 1 only."""
        answer: Answer = self._post("kf/send_msg", data=dict(message))
        return answer

    def accounts(self, *, offset: int, limit: int) -> Answer:
        answer: Answer = self._post("kf/account/list", data={"offset": offset, "limit": limit})
        return answer


@dataclass(frozen=True, slots=True)
class KfMessage:
    """One row of `kf/sync_msg`; `text` is what a person would read in its place."""

    open_kfid: str
    msgid: str
    external_userid: str
    origin: int
    msgtype: str
    event_type: str
    text: str
    sent_at: datetime
    body: Mapping[str, Any]

    @property
    def from_customer(self) -> bool:
        return self.origin == CUSTOMER and self.msgtype != "event"


def read_message(row: Mapping[str, Any], *, open_kfid: str) -> KfMessage | None:
    """The message of a row; None when it has no id to keep it under."""
    row = storable(row)
    msgid = row.get("msgid") if isinstance(row, dict) else None
    if not isinstance(msgid, str) or not msgid:
        return None
    msgtype = str(row.get("msgtype") or "unknown")[:32]
    body = row.get(msgtype)
    body = body if isinstance(body, Mapping) else {}
    # WeCom: an event carries the ids inside itself, not at the top.
    ids = {**body, **{key: value for key, value in row.items() if value}}
    return KfMessage(
        open_kfid=str(ids.get("open_kfid") or open_kfid)[:64],
        msgid=msgid[:128],
        external_userid=str(ids.get("external_userid") or "")[:64],
        origin=_whole(row.get("origin"), SYSTEM if msgtype == "event" else CUSTOMER),
        msgtype=msgtype,
        event_type=str(body.get("event_type") or "") if msgtype == "event" else "",
        text=_readable(msgtype, body),
        sent_at=_moment(row.get("send_time")),
        body=dict(row),
    )


_LABELS = {
    "image": "[图片]",
    "voice": "[语音]",
    "video": "[视频]",
    "business_card": "[名片]",
    "channels_shop_order": "[视频号订单]",
    "merged_msg": "[聊天记录]",
    "meeting": "[会议]",
    "calendar": "[日程]",
    "note": "[笔记]",
}
_TITLED = {
    "link": ("链接", "title"),
    "location": ("位置", "name"),
    "miniprogram": ("小程序", "title"),
    "file": ("文件", "filename"),
    "channels_shop_product": ("商品", "title"),
    "channels": ("视频号", "nickname"),
}


def _readable(msgtype: str, body: Mapping[str, Any]) -> str:
    if msgtype == "text":
        return str(body.get("content") or "")
    if msgtype == "msgmenu":
        return str(body.get("head_content") or "[菜单]")
    if msgtype == "channels_shop_order":
        return f"[视频号订单] {body.get('product_titles') or ''}".strip()
    if msgtype in _TITLED:
        label, key = _TITLED[msgtype]
        return f"[{label}] {body.get(key) or ''}".strip()
    return "" if msgtype == "event" else _LABELS.get(msgtype, "[暂不支持的消息]")


def _whole(value: object, default: int, *, below: int = 2**31) -> int:
    try:
        number = int(str(value))
    except ValueError:
        return default
    return number if abs(number) < below else default


def _moment(value: object) -> datetime:
    seconds = _whole(value, 0, below=_END_OF_TIME)
    return datetime.fromtimestamp(max(seconds, 0), UTC)


FAIL_REASONS = {
    0: "企业微信没有说明原因",
    1: "客服账号已被删除",
    2: "应用已停用",
    4: "会话已超过 48 小时，客户再次来消息后才能回复",
    5: "会话已关闭",
    6: "客户上次来消息后已回复满 5 条，要等客户再来消息",
    8: "企业主体未认证",
    10: "客户拒收了消息",
    11: "企业内没有人登录企业微信 App",
    12: "该消息类型被限制",
    13: "触发了安全限制",
}


def fail_reason(fail_type: object) -> str:
    """Why `msg_send_fail` says that a message did not arrive, in Chinese."""
    return FAIL_REASONS.get(_whole(fail_type, 0), FAIL_REASONS[0])
