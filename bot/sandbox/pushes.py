"""What the platform tells the callback: a notice that something is waiting."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape


@dataclass(frozen=True, slots=True)
class Push:
    """One notice, before it is encrypted; `number` counts from the start of the sandbox."""

    number: int
    corp_id: str
    event: str
    open_kfid: str
    token: str
    created_at: int

    @property
    def words(self) -> tuple[str, str]:
        """What it is, for the record, in Chinese and English."""
        return "有新消息通知", "new message notice"

    def xml(self) -> str:
        """The plain text: only a token and the account, never the message itself."""
        return (
            "<xml>"
            f"<ToUserName><![CDATA[{self.corp_id}]]></ToUserName>"
            f"<CreateTime>{self.created_at}</CreateTime>"
            "<MsgType><![CDATA[event]]></MsgType>"
            f"<Event><![CDATA[{self.event}]]></Event>"
            f"<Token><![CDATA[{self.token}]]></Token>"
            f"<OpenKfId><![CDATA[{self.open_kfid}]]></OpenKfId>"
            "</xml>"
        )


CHANGES = {
    "add_external_contact": ("有新好友", "a new friend"),
    "add_half_external_contact": ("客户单方添加了导购", "a half-added friend"),
    "edit_external_contact": ("客户资料有改动", "a contact was edited"),
    "del_external_contact": ("导购删除了客户", "a guide deleted a customer"),
    "del_follow_user": ("客户删除了导购", "a customer deleted a guide"),
    "friend_request": ("有人点了获客链接", "somebody opened an acquisition link"),
    "transfer_fail": ("客户没有转成", "a handover failed"),
    "msg_audit_approved": ("客户同意了会话存档", "a customer consented to archiving"),
}


@dataclass(frozen=True, slots=True)
class ContactPush(Push):
    """A change between a guide and a customer; `fields` come after the common head."""

    fields: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> tuple[str, str]:
        """What changed."""
        change = dict(self.fields).get("ChangeType", "")
        return CHANGES.get(change, (change, change))

    def xml(self) -> str:
        """The plain text as the platform writes it."""
        inner = "".join(
            f"<{name}><![CDATA[{value}]]></{name}>" for name, value in self.fields if value
        )
        return (
            "<xml>"
            f"<ToUserName><![CDATA[{self.corp_id}]]></ToUserName>"
            "<FromUserName><![CDATA[sys]]></FromUserName>"
            f"<CreateTime>{self.created_at}</CreateTime>"
            "<MsgType><![CDATA[event]]></MsgType>"
            f"<Event><![CDATA[{self.event}]]></Event>"
            f"{inner}</xml>"
        )


GROUP_CHANGES = {
    "create": ("有新的客户群", "a new group"),
    "dismiss": ("客户群解散了", "a group was dismissed"),
    "add_member": ("有人进群", "people joined a group"),
    "del_member": ("有人退群", "people left a group"),
    "change_owner": ("群主换人了", "a group has another owner"),
    "change_name": ("群改名了", "a group was renamed"),
    "change_notice": ("群公告有改动", "a group's notice was changed"),
}


@dataclass(frozen=True, slots=True)
class GroupPush(Push):
    """A change of a customer group; a tuple is written as a list of items."""

    fields: tuple[tuple[str, str | tuple[str, ...]], ...] = ()

    @property
    def words(self) -> tuple[str, str]:
        """What changed."""
        told = dict(self.fields)
        change = str(told.get("UpdateDetail") or told.get("ChangeType", ""))
        return GROUP_CHANGES.get(change, (change, change))

    def xml(self) -> str:
        """The plain text as the platform writes it."""
        inner = "".join(f"<{name}>{_value(value)}</{name}>" for name, value in self.fields)
        return (
            "<xml>"
            f"<ToUserName><![CDATA[{self.corp_id}]]></ToUserName>"
            "<FromUserName><![CDATA[sys]]></FromUserName>"
            f"<CreateTime>{self.created_at}</CreateTime>"
            "<MsgType><![CDATA[event]]></MsgType>"
            f"<Event><![CDATA[{self.event}]]></Event>"
            f"{inner}</xml>"
        )


def _value(value: str | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return "".join(f"<Item><![CDATA[{one}]]></Item>" for one in value)
    return value if value.isdigit() else f"<![CDATA[{value}]]>"


def envelope_xml(corp_id: str, agent_id: int, encrypted: str) -> str:
    """The body that is posted."""
    return (
        f"<xml><ToUserName><![CDATA[{escape(corp_id)}]]></ToUserName>"
        f"<Encrypt><![CDATA[{encrypted}]]></Encrypt>"
        f"<AgentID><![CDATA[{agent_id}]]></AgentID></xml>"
    )
