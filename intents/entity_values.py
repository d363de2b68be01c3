"""Normal forms of what customers name, so that 加大码 and XL are the same to the rest."""

from __future__ import annotations

import re

from intents.numerals import NUMERAL, number_of, plain

_COLOR_TAIL = re.compile(r"(?:的|色系|系|款)$")
_COURIER_TAIL = re.compile(r"(?:快递|速运|速递|快运|物流)$")
_MONEY = re.compile(r"(\d+)块(\d)$")


def normal_value(entity: str, phrase: str, typed: str) -> str:
    """The value of a normal `phrase`; `typed` is what stood in the message."""
    if entity == "quantity":
        return _quantity(phrase)
    if entity == "price":
        return _price(phrase)
    if entity == "phone":
        return re.sub(r"[^\d*]", "", phrase.removeprefix("+86"))
    if entity == "order_no":
        return phrase.upper()
    if entity == "size":
        return phrase.upper().removesuffix("码").removesuffix("号") or typed
    if entity == "color":
        return _color(phrase)
    if entity == "courier":
        return _COURIER_TAIL.sub("", phrase).upper() or typed
    return typed


def _quantity(phrase: str) -> str:
    if phrase.startswith("半"):
        return "0.5"
    match = NUMERAL.search(phrase)
    number = number_of(match[0]) if match else None
    return plain(number) if number is not None else phrase


def _price(phrase: str) -> str:
    coins = _MONEY.search(phrase)
    if coins:
        return f"{coins[1]}.{coins[2]}"
    match = NUMERAL.search(phrase)
    number = number_of(match[0]) if match else None
    return plain(number) if number is not None else phrase


def _color(phrase: str) -> str:
    bare = _COLOR_TAIL.sub("", phrase)
    return bare if bare.endswith("色") or len(bare) > 1 else f"{bare}色"
