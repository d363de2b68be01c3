"""What one request of the console needs to show things: words, time, names and labels."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from bot.customers.funnel import Funnel
from bot.store.database import Database
from bot.store.tables import Customer
from bot.web.console.reason_words import reason_in_english
from bot.web.console.spoken_time import clock_time, since
from bot.web.console.wording import LANGUAGES, Wording
from bot.web.keys import CLOCK, DATABASE, FUNNEL, SETTINGS, TAXONOMY
from intents import OUT_OF_SCOPE, Taxonomy

LANGUAGE_COOKIE = "console_lang"
_HUES = 8


@dataclass(frozen=True, slots=True)
class Person:
    """A customer as the list and the conversation head show them."""

    external_userid: str
    name: str
    initial: str
    hue: int
    avatar: str
    stage: str
    stage_label: str
    tags: list[str]
    opted_out: bool


@dataclass(frozen=True, slots=True)
class Guess:
    """An intent by its label; `percent` is how sure we are."""

    label: str
    percent: int


@dataclass(frozen=True, slots=True)
class Desk:
    """Shows rows in one language at one moment."""

    database: Database
    funnel: Funnel
    taxonomy: Taxonomy
    words: Wording
    now: datetime
    zone: ZoneInfo
    shop: str

    def person(self, customer: Customer) -> Person:
        name = customer.name or self.words("who.unknown", id=_masked(customer.external_userid))
        safe = customer.avatar.startswith("https://")
        return Person(
            external_userid=customer.external_userid,
            name=name,
            initial=(customer.name or "客")[:1].upper(),
            hue=zlib.crc32(customer.external_userid.encode()) % _HUES,
            avatar=customer.avatar if safe else "",
            stage=customer.stage,
            stage_label=self.stage(customer.stage),
            tags=[str(tag) for tag in customer.tags],
            opted_out=customer.opted_out_at is not None,
        )

    def stage(self, name: str) -> str:
        return self.words.name(name, self.funnel.label(name))

    def intent(self, name: str) -> str:
        if name == OUT_OF_SCOPE:
            return self.words("unclear")
        return self.words.name(name, self.taxonomy.label(name))

    def reason(self, spoken: str) -> str:
        """Why something was chosen or waits, in the reader's language."""
        if self.words.language == "zh":
            return spoken
        stages = {self.funnel.label(name): self.words.name(name, "") for name in self.funnel.names}
        intents = {self.taxonomy.label(name): self.intent(name) for name in self.taxonomy.names}
        return reason_in_english(spoken, intents | stages)

    def guesses(self, ranked: list[dict[str, Any]]) -> list[Guess]:
        return [
            Guess(self.intent(str(one["intent"])), round(100 * float(one["confidence"])))
            for one in ranked
            if one["intent"] != OUT_OF_SCOPE
        ]

    def decider(self, name: str | None) -> str:
        key = f"by.{name}"
        return self.words(key) if key in self.words.texts else name or "—"

    def time(self, moment: datetime) -> str:
        return clock_time(moment, self.now, self.zone, self.words)

    def since(self, moment: datetime) -> str:
        return since(moment, self.now, self.words)


def desk(request: web.Request) -> Desk:
    app = request.app
    return Desk(
        database=app[DATABASE],
        funnel=app[FUNNEL],
        taxonomy=app[TAXONOMY],
        words=wording(request),
        now=app[CLOCK].now(),
        zone=app[SETTINGS].shop.zone,
        shop=app[SETTINGS].shop.name,
    )


def wording(request: web.Request) -> Wording:
    """The language asked for now, else earlier, else the shop's."""
    for asked in (request.query.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if asked in LANGUAGES:
            return LANGUAGES[asked]
    return LANGUAGES[request.app[SETTINGS].console.language]


def _masked(external_userid: str) -> str:
    return "#" + external_userid[-4:]
