"""What kind of writing a message is, before anyone asks what it means."""

from __future__ import annotations

import re
from enum import StrEnum

from intents.normalize import MARKS, Normalized
from intents.taxonomy import OUT_OF_SCOPE
from intents.understanding import Ranked, Understanding

_HAN = re.compile(r"[㐀-鿿]")
_LATIN = re.compile(r"[a-zà-ɏ]")
_LETTER = re.compile(r"[^\W\d_]")
_DIGITS_ONLY = re.compile(r"[\d\s\-+*/.,:#x]+")
_NOD = re.compile(r"(?:\[OK\]|\[好的\]|👌[🏻-🏿]?|🆗|\s)+")
_REFERENCE_DIGITS = 6
_WORDS = {
    "greet": ("hi", "hello", "hey", "hallo", "halo"),
    "affirm": ("ok", "okay", "okk", "okok", "yes", "yep", "y"),
    "deny": ("no", "nope"),
    "thank": ("thanks", "thank you", "thx", "3q", "tks", "thankyou"),
    "opt_out": ("td", "t", "unsubscribe", "stop"),
    "goodbye": ("bye", "byebye", "goodbye", "88", "886", "good night"),
}
_KNOWN_WORDS = {word: intent for intent, words in _WORDS.items() for word in words}


class Script(StrEnum):
    """Only Chinese talk goes to the model; the rest has an answer of its own."""

    CHINESE = "chinese"
    FOREIGN = "foreign"
    REFERENCE = "reference"
    DIGITS = "digits"
    MARKS = "marks"
    EMPTY = "empty"


def script_of(text: str) -> Script:
    """Judge a normal text by its characters."""
    if not text.strip():
        return Script.EMPTY
    if _HAN.search(text):
        return Script.CHINESE
    if _DIGITS_ONLY.fullmatch(text):
        long = sum(char.isdigit() for char in text) >= _REFERENCE_DIGITS
        return Script.REFERENCE if long else Script.DIGITS
    if _LETTER.search(text):
        return Script.REFERENCE if _is_reference(text) else Script.FOREIGN
    return Script.MARKS


def understood_without_model(normalized: Normalized, *, engine: str) -> Understanding | None:
    """The verdict on anything that is not Chinese talk; None when the model must judge."""
    script = script_of(normalized.text)
    if script is Script.CHINESE:
        return None
    plain = _plain_intent(normalized, script)
    best = plain or Ranked(OUT_OF_SCOPE, 1.0)
    certain = (plain,) if plain else ()
    return Understanding(
        text=normalized.original,
        intent=best.intent,
        confidence=best.confidence,
        ranking=certain,
        engine=engine,
        wants=certain,
        stranger=1 - plain.confidence if plain else 1.0,
    )


def _plain_intent(normalized: Normalized, script: Script) -> Ranked | None:
    """The intent of the few non-Chinese messages that are plain, e.g. a number or "ok"."""
    if script is Script.REFERENCE:
        return Ranked("provide_info", 0.9)
    if script is Script.MARKS and _NOD.fullmatch(normalized.original):
        return Ranked("affirm", 0.9)
    word = "".join(char for char in normalized.text if char not in MARKS).strip(" .!~?,")
    intent = _KNOWN_WORDS.get(word)
    return Ranked(intent, 0.9) if intent else None


def _is_reference(text: str) -> bool:
    """Codes such as `sf1234567890`: one word, mostly digits."""
    digits = sum(char.isdigit() for char in text)
    return " " not in text and digits >= _REFERENCE_DIGITS and len(_LATIN.findall(text)) <= digits
