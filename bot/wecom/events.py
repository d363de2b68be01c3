"""Callbacks as typed events, each with the key under which it is stored once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class InboundEvent:
    """Any callback; those that we act on have a class of their own below."""

    fields: Mapping[str, Any]

    kind: ClassVar[str] = ""

    @property
    def event(self) -> str:
        """`Event` of an event, `MsgType` of a member's message to the app."""
        return self._text("Event") or self._text("MsgType") or "unknown"

    @property
    def change_type(self) -> str:
        return self._text("ChangeType")

    @property
    def lane(self) -> str:
        """Events of one lane are handled in order; different lanes run side by side."""
        who = self._text("ExternalUserID") or self._text("ChatId") or self._text("FromUserName")
        return f"{self.event}:{who}"[:200]

    @property
    def dedupe_key(self) -> str:
        """The same for every copy of one push, different for any two pushes.

        WeCom: messages are told apart by MsgId; events have no id, so all of their content counts.
        """
        if msgid := self._text("MsgId"):
            return hashlib.sha256(f"msg:{msgid}".encode()).hexdigest()
        canonical = json.dumps(self.fields, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def _text(self, name: str) -> str:
        value = self.fields.get(name)
        return value.strip() if isinstance(value, str) else ""

    def _texts(self, name: str) -> tuple[str, ...]:
        value = self.fields.get(name)
        values = value if isinstance(value, list) else [value]
        return tuple(one.strip() for one in values if isinstance(one, str) and one.strip())


@dataclass(frozen=True, slots=True)
class KfNotice(InboundEvent):
    """There is something to pull for a kf account (`kf_msg_or_event`)."""

    kind: ClassVar[str] = "kf_msg_or_event"

    @property
    def open_kfid(self) -> str:
        return self._text("OpenKfId")

    @property
    def token(self) -> str:
        """Lives ten minutes and lifts the strict limit on `kf/sync_msg`."""
        return self._text("Token")

    @property
    def lane(self) -> str:
        return f"kf:{self.open_kfid}"[:200]


@dataclass(frozen=True, slots=True)
class KfAccountAuthChange(InboundEvent):
    """Kf accounts were given to this app or taken from it."""

    kind: ClassVar[str] = "kf_account_auth_change"

    @property
    def added(self) -> tuple[str, ...]:
        return self._texts("AuthAddOpenKfId")

    @property
    def removed(self) -> tuple[str, ...]:
        return self._texts("AuthDelOpenKfId")


@dataclass(frozen=True, slots=True)
class ContactChange(InboundEvent):
    """Something happened between a guide and a customer (`change_external_contact`)."""

    kind: ClassVar[str] = "change_external_contact"

    @property
    def userid(self) -> str:
        return self._text("UserID")[:64]

    @property
    def external_userid(self) -> str:
        return self._text("ExternalUserID")[:64]

    @property
    def at(self) -> datetime | None:
        """When it happened, by WeCom's clock and to the second."""
        return _moment(self._text("CreateTime"))

    @property
    def state(self) -> str:
        """The channel through which the customer came."""
        return self._text("State")[:64]

    @property
    def welcome_code(self) -> str:
        """Lives 20 s and greets once."""
        return self._text("WelcomeCode")

    @property
    def source(self) -> str:
        """`DELETE_BY_TRANSFER` when a colleague took the customer over."""
        return self._text("Source")

    @property
    def fail_reason(self) -> str:
        return self._text("FailReason")


@dataclass(frozen=True, slots=True)
class TagChanged(InboundEvent):
    """A corp tag or a group of them changed (`change_external_tag`)."""

    kind: ClassVar[str] = "change_external_tag"

    @property
    def id(self) -> str:
        """Of the tag or group; empty when all groups were re-ordered."""
        return self._text("Id")[:64]

    @property
    def is_group(self) -> bool:
        return self._text("TagType") == "tag_group" or self.change_type == "shuffle"

    @property
    def at(self) -> datetime | None:
        return _moment(self._text("CreateTime"))


@dataclass(frozen=True, slots=True)
class GroupChange(InboundEvent):
    """Something happened to a customer group (`change_external_chat`)."""

    kind: ClassVar[str] = "change_external_chat"

    @property
    def chat_id(self) -> str:
        return self._text("ChatId")[:64]

    @property
    def detail(self) -> str:
        """`add_member`, `del_member`, `change_owner`, `change_name` or `change_notice`."""
        return self._text("UpdateDetail")

    @property
    def members(self) -> tuple[str, ...]:
        """Who came or went, as far as WeCom says it."""
        listed = self.fields.get("MemChangeList")
        items = listed.get("Item") if isinstance(listed, Mapping) else listed
        values = items if isinstance(items, list) else [items]
        named = (one.strip()[:64] for one in values if isinstance(one, str))
        return tuple(dict.fromkeys(filter(None, named)))

    @property
    def is_whole(self) -> bool:
        """Whether everybody who came or went is listed."""
        return self._text("MemChangeCnt") in ("", str(len(self.members)))

    @property
    def scene(self) -> int:
        """Of joining: 0 invited, 3 by code. Of leaving: 0 by oneself, 1 removed."""
        value = self._text("JoinScene") or self._text("QuitScene")
        return int(value) if value.isascii() and value.isdigit() and len(value) < 5 else 0

    @property
    def last_version(self) -> str:
        return self._text("LastMemVer")[:64]

    @property
    def current_version(self) -> str:
        return self._text("CurMemVer")[:64]

    @property
    def at(self) -> datetime | None:
        return _moment(self._text("CreateTime"))


def _moment(text: str) -> datetime | None:
    try:
        seconds = int(text)
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


_CLASSES: dict[str, type[InboundEvent]] = {
    cls.kind: cls
    for cls in (KfNotice, KfAccountAuthChange, ContactChange, TagChanged, GroupChange)
}


def typed_event(fields: Mapping[str, Any]) -> InboundEvent:
    """The event of these fields; an unknown one stays a plain `InboundEvent`."""
    event = InboundEvent(fields)
    return _CLASSES.get(event.event, InboundEvent)(fields)
