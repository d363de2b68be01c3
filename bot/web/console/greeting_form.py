"""Words of a greeting as a form, and the phone that shows them to each kind of friend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from bot.customers.greeting_case import Relation
from bot.customers.greeting_content import (
    CUSTOMER,
    GUIDE,
    SHOP,
    GreetingContent,
    check_variables,
    render,
)
from bot.customers.shop_greetings import ShopWords
from bot.errors import BotError, Unprocessable
from bot.groups.wording import KF_LINK, fill_known
from bot.groups.wording import check_text as check_group_text
from bot.groups.wording import check_variables as check_group_variables
from bot.web.console.attachment_form import (
    KINDS,
    Row,
    Shown,
    read_attachments,
    rows_of,
    shown_attachment,
)
from bot.web.console.desk import desk
from bot.web.keys import SHOP_GREETINGS, VARIABLES
from bot.wecom.contact_ways import MOST_ATTACHMENTS
from bot.wecom.group_chats import NICKNAME

_TEXTS = {"text": "greeting", "returning_text": "returning", "shared_text": "shared"}


@dataclass(frozen=True, slots=True)
class Preview:
    """A greeting with its variables filled in; `problem` says why it would not be sent."""

    text: str
    problem: str
    guide: str
    relation: Relation
    attachments: list[Shown]
    group: bool = False


@dataclass(frozen=True, slots=True)
class GreetingFields:
    """Everything that the fields of a greeting need; `default` is what an empty one falls to."""

    text: str
    returning: str
    shared: str
    rows: list[Row]
    variables: list[str]
    default: str
    leads: dict[str, str]
    kinds: tuple[str, ...] = KINDS
    most: int = MOST_ATTACHMENTS

    def with_rows(self, rows: list[Row], most: int) -> GreetingFields:
        """The same with these attachments."""
        return replace(self, rows=rows, most=most)


def read_greeting(form: Mapping[str, str]) -> dict[str, Any]:
    """A greeting in the shape in which greetings are checked."""
    words = {name: _words(form, field) for name, field in _TEXTS.items()}
    return words | {"attachments": read_attachments(form)}


async def fields_of(request: web.Request, greeting: Mapping[str, Any]) -> GreetingFields:
    """The form's fields for what was written down."""
    own = await request.app[SHOP_GREETINGS].words()
    return GreetingFields(
        text=str(greeting.get("text") or ""),
        returning=str(greeting.get("returning_text") or ""),
        shared=str(greeting.get("shared_text") or ""),
        rows=rows_of(greeting.get("attachments") or []),
        variables=variables_of(request),
        default=own.text,
        leads={"returning": own.returning_lead, "shared": own.shared_lead},
    )


async def preview_of(
    request: web.Request, greeting: Mapping[str, Any], relation: str = Relation.NEW
) -> Preview:
    """With sample names; what is empty shows the default, as it would be sent."""
    words, own = desk(request).words, await request.app[SHOP_GREETINGS].words()
    kind = Relation(relation) if relation in set(Relation) else Relation.NEW
    values = request.app[VARIABLES] | {
        CUSTOMER: words("sample.customer"),
        GUIDE: words("sample.guide"),
    }
    text, problem, attachments = "", "", []
    try:
        content = _sent(greeting, own)
        text, attachments = _said(content, own, kind), content.attachments
        check_variables(text, values)
        text = render(text, values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        problem = str(first["msg"]).removeprefix("Value error, ")
    except ValueError as error:
        problem = str(error)
    except BotError as error:
        problem = error.message
    return Preview(
        text=text,
        problem=problem,
        guide=words("sample.guide"),
        relation=kind,
        attachments=[shown_attachment(one) for one in attachments],
    )


def group_preview(
    request: web.Request, text: str, attachments: Sequence[Mapping[str, Any]] = ()
) -> Preview:
    """A group's greeting as a member reads it, who is named by WeCom."""
    words, problem = desk(request).words, ""
    values = request.app[VARIABLES]
    values = values | {KF_LINK: values.get(KF_LINK) or words("sample.kf_link")}
    try:
        text = check_group_text(text)
        check_group_variables(text, values)
        text = fill_known(text, values).replace(NICKNAME, words("sample.customer"))
    except ValueError as error:
        problem = str(error)
    return Preview(
        text=text,
        problem=problem,
        guide=words("sample.guide"),
        relation=Relation.NEW,
        attachments=[shown_attachment(one) for one in attachments],
        group=True,
    )


def variables_of(request: web.Request) -> list[str]:
    """The variables that a greeting may use, the three of every greeting first."""
    known = request.app[VARIABLES]
    return [CUSTOMER, GUIDE, SHOP, *(name for name in known if name != SHOP)]


def check_whole(greeting: Mapping[str, Any]) -> None:
    """Raise `Unprocessable` for words to some friends without words to all others."""
    more = greeting.get("returning_text") or greeting.get("shared_text")
    if more and not greeting.get("text"):
        raise Unprocessable("写了给老朋友或同事好友的话，也要写给新朋友的欢迎语")


def _sent(greeting: Mapping[str, Any], own: ShopWords) -> GreetingContent:
    check_whole(greeting)
    content = GreetingContent.model_validate(dict(greeting))
    if content.text:
        return content
    if content.attachments:
        return content.model_copy(update={"text": own.text})
    return own.content


def _said(content: GreetingContent, own: ShopWords, relation: Relation) -> str:
    if relation is Relation.RETURNING:
        return content.returning_text or _led(own.returning_lead, content.text)
    if relation is Relation.SHARED:
        return content.shared_text or _led(own.shared_lead, content.text)
    return content.text


def _led(lead: str, text: str) -> str:
    return f"{lead}\n{text}" if lead else text


def _words(form: Mapping[str, str], field: str) -> str:
    return form.get(field, "").replace("\r\n", "\n").strip()
