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


def envelope_xml(corp_id: str, agent_id: int, encrypted: str) -> str:
    """The body that is posted."""
    return (
        f"<xml><ToUserName><![CDATA[{escape(corp_id)}]]></ToUserName>"
        f"<Encrypt><![CDATA[{encrypted}]]></Encrypt>"
        f"<AgentID><![CDATA[{agent_id}]]></AgentID></xml>"
    )
