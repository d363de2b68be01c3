"""What customers let us know about themselves, found in their own words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Field(StrEnum):
    """The fields of a portrait."""

    SIZE = "size"
    HEIGHT = "height"
    WEIGHT = "weight"
    BUDGET = "budget"
    LIKES = "likes"
    COLOR = "color"
    CHILD_AGE = "child_age"
    CITY = "city"
    BIRTHDAY = "birthday"
    GIFT_FOR = "gift_for"
    SKIN = "skin"
    ALLERGY = "allergy"


LABELS: Mapping[str, str] = {
    Field.SIZE: "尺码",
    Field.HEIGHT: "身高",
    Field.WEIGHT: "体重",
    Field.BUDGET: "预算",
    Field.LIKES: "喜欢",
    Field.COLOR: "颜色",
    Field.CHILD_AGE: "孩子年龄",
    Field.CITY: "城市",
    Field.BIRTHDAY: "生日",
    Field.GIFT_FOR: "送给谁",
    Field.SKIN: "肤质",
    Field.ALLERGY: "过敏",
}

MANY = frozenset({Field.LIKES, Field.COLOR, Field.GIFT_FOR, Field.CHILD_AGE, Field.ALLERGY})
"""Fields that may hold several values at once; of the others the best one counts."""

_STATED, _IMPLIED, _MENTIONED = 0.9, 0.7, 0.5


@dataclass(frozen=True, slots=True)
class Finding:
    """A value with how sure it is (0–1) and the words that it was read from."""

    field: Field
    value: str
    confidence: float
    quote: str


_NUMBER = r"(\d{1,5}(?:\.\d)?)"
_CHINESE = "零一二三四五六七八九十"
_AGE = rf"(\d{{1,2}}|[{_CHINESE}两]{{1,3}})"
_CHILD = (
    r"(?:宝宝|孩子|小孩|儿子|女儿|娃|闺女|小朋友|宝贝|孙子|孙女|外孙女?|小宝|大宝|二宝|老大|老二)"
)
_NEGATED = re.compile(r"(?:不要|不喜欢|别|不想要|不是|没有|讨厌|不爱)\S{0,3}$")
_ASKED = re.compile(r"[吗么?？]\s*$|^有|还有没有|有没有|多大码|哪个码|什么码")
_WEARS = re.compile(r"(?:我|一般|平时|平常|都)?(?:穿|要|拿|买|拍)(?:的是|的|了)?\s*$")


def find_facts(text: str, entities: Iterable[Mapping[str, Any]] = ()) -> list[Finding]:
    """All findings in one message; of the same value the surest stays."""
    best: dict[tuple[Field, str], Finding] = {}
    for finding in (*_from_patterns(text), *_from_entities(text, entities)):
        key = (finding.field, finding.value)
        if key not in best or best[key].confidence < finding.confidence:
            best[key] = finding
    return list(best.values())


def _from_patterns(text: str) -> Iterator[Finding]:
    for line in re.split(r"[\n。！!；;]", text):
        yield from _body(line)
        yield from _budget(line)
        yield from _child(line)
        yield from _person(line)


def _body(line: str) -> Iterator[Finding]:
    for match in re.finditer(
        r"(?<!\d)(1[3-9]\d)\s*(?:cm|厘米|公分)?\s*[/,，、 ]\s*(\d{2,3})\s*(kg|公斤|斤)", line, re.I
    ):
        yield _finding(Field.HEIGHT, f"{match[1]}cm", _STATED, match[0])
        yield _finding(Field.WEIGHT, _weight(match[2], match[3]), _STATED, match[0])
    for match in re.finditer(r"身高\s*(?:是|有|大概)?\s*(?:(1)米(\d)\d?|(1[3-9]\d))", line):
        height = match[3] or match[0][match[0].index("1") :].replace("米", "").ljust(3, "0")
        yield _finding(Field.HEIGHT, f"{height}cm", _STATED, match[0])
    for match in re.finditer(r"体重\s*(?:是|有|大概)?\s*(\d{2,3})\s*(kg|公斤|斤)", line, re.I):
        yield _finding(Field.WEIGHT, _weight(match[1], match[2]), _STATED, match[0])


def _weight(number: str, unit: str) -> str:
    return f"{int(number) / 2:g}kg" if unit == "斤" else f"{int(number)}kg"


def _budget(line: str) -> Iterator[Finding]:
    for match in re.finditer(
        rf"预算\s*(?:是|在|大概|大约|差不多|就|只有)*\s*{_NUMBER}\s*(?:[-~到至]\s*{_NUMBER})?",
        line,
    ):
        yield _finding(Field.BUDGET, "-".join(filter(None, match.groups())), _STATED, match[0])
    for match in re.finditer(
        rf"{_NUMBER}\s*(?:块|元)?钱?\s*(?:以内|以下|之内|左右|上下)(?!的?折)", line
    ):
        yield _finding(Field.BUDGET, match[1], _IMPLIED, match[0])


def _child(line: str) -> Iterator[Finding]:
    for match in re.finditer(
        rf"{_CHILD}\S{{0,4}}?(?<!第){_AGE}\s*(岁半|周岁|岁|个月|个多月)", line
    ):
        yield _finding(Field.CHILD_AGE, _age(match[1], match[2]), _STATED, match[0])
    for match in re.finditer(rf"{_AGE}\s*(岁半|周岁|岁|个月)\s*(?:大)?的?\s*{_CHILD}", line):
        yield _finding(Field.CHILD_AGE, _age(match[1], match[2]), _STATED, match[0])


def _age(number: str, unit: str) -> str:
    years = number if number.isdigit() else str(_numeral(number))
    if "月" in unit:
        return f"{years}个月"
    return f"{years}岁半" if unit == "岁半" else f"{years}岁"


def _numeral(text: str) -> int:
    text = text.replace("两", "二")
    if text == "十":
        return 10
    tens, ten, ones = text.partition("十")
    if not ten:
        return _CHINESE.index(text[0])
    return (_CHINESE.index(tens[0]) if tens else 1) * 10 + (_CHINESE.index(ones) if ones else 0)


_GIFT = re.compile(
    r"(?:送给?|给|买给|孝敬)\s*(?:我|我们|咱)?(?:家里?)?的?"
    r"(妈妈|我妈|妈|母亲|爸爸|我爸|爸|父亲|爸妈|婆婆|公公|岳母|岳父|丈母娘|老公|老婆|男朋友|女朋友|男友|女友"
    r"|闺蜜|朋友|同事|领导|老师|客户|奶奶|爷爷|外婆|外公|姥姥|姥爷|长辈|女儿|儿子|孩子|宝宝)"
)
_SAME_PEOPLE = {
    "我妈": "妈妈",
    "妈": "妈妈",
    "母亲": "妈妈",
    "我爸": "爸爸",
    "爸": "爸爸",
    "父亲": "爸爸",
    "男友": "男朋友",
    "女友": "女朋友",
    "丈母娘": "岳母",
}
_SKIN = re.compile(r"(干敏皮|油敏皮|混合皮|混油皮|混干皮|敏感肌|敏感皮|油皮|干皮|痘痘肌|痘肌)")
_ALLERGY = re.compile(r"对\s*([一-鿿]{1,8}?)\s*过敏")
_BIRTHDAY = re.compile(r"生日\s*(?:是|在)?\s*(?:(\d{4})年)?(\d{1,2})\s*月\s*(\d{1,2})\s*[日号]?")
_LIVES = re.compile(
    r"(?:我(?:们)?(?:人)?(?:在|住|是)|住在|寄到|发到|发往|收货地址(?:是|在)?)\s*([一-鿿]{2,8}?)(?:市|人|这边|的|，|,|$)"
)


def _person(line: str) -> Iterator[Finding]:
    for match in _GIFT.finditer(line):
        who = _SAME_PEOPLE.get(match[1], match[1])
        stated = _STATED if match[0].startswith("送") or "孝敬" in match[0] else _MENTIONED
        yield _finding(Field.GIFT_FOR, who, stated, match[0])
    for match in _SKIN.finditer(line):
        if not _NEGATED.search(line[: match.start()]):
            yield _finding(Field.SKIN, match[1], _STATED, match[0])
    for match in _ALLERGY.finditer(line):
        if not re.search(r"[吗么?？]", line):
            yield _finding(Field.ALLERGY, match[1], _STATED, match[0])
    for match in _BIRTHDAY.finditer(line):
        month, day = int(match[2]), int(match[3])
        if 1 <= month <= 12 and 1 <= day <= 31:
            year = f"{match[1]}-" if match[1] else ""
            yield _finding(Field.BIRTHDAY, f"{year}{month:02}-{day:02}", _STATED, match[0])


def _from_entities(text: str, entities: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    for entity in entities:
        name, value = str(entity.get("entity") or ""), str(entity.get("value") or "").strip()
        said = str(entity.get("text") or value)
        place = text.find(said)
        if not value or place < 0 or _NEGATED.search(text[max(0, place - 6) : place]):
            continue
        before = text[max(0, place - 8) : place]
        line = next((one for one in text.splitlines() if said in one), text)
        if name == "size":
            worn = _WEARS.search(before) and not _ASKED.search(line)
            yield _finding(Field.SIZE, value, _STATED if worn else _MENTIONED, line)
        elif name == "color":
            yield _finding(Field.COLOR, value, _liked(line), line)
        elif name == "product":
            yield _finding(Field.LIKES, value, _liked(line), line)
        elif name == "city":
            lives = any(value[:2] in match[1] for match in _LIVES.finditer(line))
            yield _finding(Field.CITY, value, _STATED if lives else _MENTIONED, line)


def _liked(line: str) -> float:
    return _IMPLIED if re.search(r"喜欢|想要|想买|要这|爱穿|爱吃|就要", line) else _MENTIONED


def _finding(field: Field, value: str, confidence: float, quote: str) -> Finding:
    return Finding(field, value.strip()[:64], confidence, quote.strip()[:200])


def quoted_in(quote: str, messages: Sequence[tuple[int, str]]) -> int | None:
    """The id of the message that a finding comes from; `messages` are `(id, text)`."""
    return next((number for number, text in messages if quote in text), None)
