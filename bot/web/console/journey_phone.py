"""The words of a step as a customer reads them, with sample names filled in."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from bot.outreach.plans import PERSONAL
from bot.web.console.desk import Desk
from bot.web.console.journey_cards import picture_address
from bot.web.console.journey_content_fields import Piece
from bot.web.console.journey_rehearsal import sample_values
from bot.web.console.plain_fields import Fields
from bot.web.keys import VARIABLES
from scheduler import StepKind
from scripts_library import ScriptLibraryError, render

_UNKNOWN_TO_MANY = {
    StepKind.MOMENT: PERSONAL,
    StepKind.MASS_SEND: PERSONAL[:1],
    StepKind.GROUP_POST: PERSONAL[:1],
}


@dataclass(frozen=True, slots=True)
class Said:
    """One message or post as it arrives; `problem` says why it would not."""

    kind: str
    guide: str
    text: str = ""
    problem: str = ""
    pictures: tuple[str, ...] = ()
    link: tuple[str, str, str] | None = None
    app: tuple[str, str] | None = None
    script: str = ""
    todo: str = ""


def said_by(request: web.Request, here: Desk, fields: Fields, piece: Piece) -> Said:
    """What a fieldset says now, whether it could be saved or not."""
    kind, guide = fields.get("kind", ""), here.words("sample.guide")
    todo = piece.of(fields, "todo")
    says = piece.of(fields, "says") or "own"
    if says != "own":
        script = piece.of(fields, "script" if says == "script" else "script_tags")
        return Said(kind, guide, script=script if says != "none" else "", todo=todo)
    values = sample_values(request, here)
    for name in _UNKNOWN_TO_MANY.get(kind, ()):  # type: ignore[call-overload]
        values.pop(name, None)
    try:
        text = render(piece.of(fields, "text").strip(), values)
        problem = ""
    except ScriptLibraryError as error:
        text, problem = "", str(error)
    return Said(
        kind=kind,
        guide=guide,
        text=text,
        problem=problem,
        pictures=tuple(picture_address(one) for one in piece.images(fields)),
        link=_link(fields, piece),
        app=_app(fields, piece),
        todo=todo,
    )


def _link(fields: Fields, piece: Piece) -> tuple[str, str, str] | None:
    title, url = piece.of(fields, "link.title"), piece.of(fields, "link.url")
    image = piece.of(fields, "link.image").strip()
    if not title and not url:
        return None
    return title, piece.of(fields, "link.desc") or url, picture_address(image) if image else ""


def _app(fields: Fields, piece: Piece) -> tuple[str, str] | None:
    title, image = piece.of(fields, "app.title"), piece.of(fields, "app.image").strip()
    if not title and not piece.of(fields, "app.appid"):
        return None
    return title, picture_address(image) if image else ""


def variables_for(request: web.Request, kind: str) -> list[tuple[str, str]]:
    """What may stand in the words, with what it becomes; a post to many has no customer's name."""
    known = request.app[VARIABLES]
    barred = _UNKNOWN_TO_MANY.get(kind, ())  # type: ignore[call-overload]
    personal = {"customer_name": "{customer_name|您}", "guide_name": "{guide_name|店里的导购}"}
    shown = [(text, "") for name, text in personal.items() if name not in barred]
    return shown + [(f"{{{name}}}", str(value)) for name, value in known.items()]
