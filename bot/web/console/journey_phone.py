"""The words of a step as a customer reads them, with sample names filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from aiohttp import web

from bot.dialogue.library import Library
from bot.outreach.plans import PERSONAL
from bot.outreach.wording import Unsayable, Wordsmith
from bot.web.console.desk import Desk
from bot.web.console.journey_cards import picture_address
from bot.web.console.journey_content_fields import Piece
from bot.web.console.journey_rehearsal import sample_values
from bot.web.console.plain_fields import Fields, split_words
from bot.web.keys import CLOCK, DATABASE, SETTINGS, VARIABLES
from scheduler import Content, StepKind
from scripts_library import Script, ScriptLibraryError, render

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


async def scripts_of(request: web.Request) -> dict[str, Script]:
    """The shop's scripts by id."""
    library = Library(request.app[DATABASE], request.app[CLOCK])
    return {one.id: one for one in await library.index()}


async def said_by(
    request: web.Request,
    here: Desk,
    fields: Fields,
    piece: Piece,
    scripts: Mapping[str, Script] | None = None,
) -> Said:
    """What a fieldset says now, whether it could be saved or not."""
    kind, guide = fields.get("kind", ""), here.words("sample.guide")
    todo = piece.of(fields, "todo")
    says = piece.of(fields, "says") or "own"
    if says == "none":
        return Said(kind, guide)
    if says != "own":
        known = await scripts_of(request) if scripts is None else scripts
        said = await _script_said(request, here, _script_asked(fields, piece, says), known)
        return replace(said, kind=kind, todo=todo)
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


def _script_asked(fields: Fields, piece: Piece, says: str) -> Content:
    if says == "script":
        return Content(script=piece.of(fields, "script").strip())
    return Content(script_tags=tuple(split_words(piece.of(fields, "script_tags"))))


async def _script_said(
    request: web.Request, here: Desk, content: Content, scripts: Mapping[str, Script]
) -> Said:
    """The words of the library as they would be sent now."""
    guide, sample = here.words("sample.guide"), here.words("sample.customer")
    if not content.script and not content.script_tags:
        return Said("", guide)
    settings, values = request.app[SETTINGS].outreach, request.app[VARIABLES]
    wordsmith = Wordsmith(settings, values)
    try:
        parts = wordsmith.parts(content, scripts=scripts, customer=sample, guide=guide)
    except Unsayable as error:
        return Said("", guide, problem=str(error))
    images = [part["image"] for part in parts if "image" in part]
    return Said(
        "",
        guide,
        text="\n".join(part["text"] for part in parts if "text" in part),
        pictures=tuple(picture_address(one) for one in images),
        script="、".join(filter(None, (content.script, *content.script_tags))),
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
