"""The shape of one script as people write it, and its reading into a `Script`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from .errors import Finding, InvalidScript
from .faults import finding_of
from .model import (
    FilePart,
    ImagePart,
    LinkPart,
    MiniProgramPart,
    Occasion,
    Part,
    Script,
    Tags,
    TextPart,
    Validity,
)

ID_PATTERN = r"^[a-z0-9_.-]{1,100}$"
SEPARATORS = "、,，;；\n"


def _listed(value: object) -> object:
    if value is None:
        return []
    return value if isinstance(value, list | tuple) else [value]


def _bare_date(value: object) -> object:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            pass
    elif type(value) is date or value is None:
        return value
    raise PydanticCustomError("bare_date", "日期看不懂", {"mend": "写成 2026-11-01 这样的日期"})


def _single(word: str) -> str:
    if any(separator in word for separator in SEPARATORS):
        fault = "「{word}」里有顿号、逗号或分号"
        raise PydanticCustomError(
            "several_words", fault, {"word": word, "mend": "拆成列表里的几项"}
        )
    return word


def _named(variables: dict[str, str]) -> dict[str, str]:
    for name in variables:
        if not name.isidentifier():
            mend = "只用字母、数字、下划线或汉字，不以数字开头"
            raise PydanticCustomError(
                "variable_name", "变量名「{name}」写法不对", {"name": name, "mend": mend}
            )
    return {name: " ".join(meaning.split()) for name, meaning in variables.items()}


Word = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_single)]
Words = Annotated[list[Word], BeforeValidator(_listed)]
Filled = Annotated[str, Field(min_length=1)]
Day = Annotated[date | None, BeforeValidator(_bare_date)]


class Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)


class LinkEntry(Entry):
    title: Filled
    url: Filled
    desc: Filled | None = None
    image: Filled | None = None


class MiniProgramEntry(Entry):
    appid: Filled
    title: Filled
    page: Filled
    image: Filled | None = None


class PartEntry(Entry):
    text: Filled | None = None
    image: Filled | None = None
    link: LinkEntry | None = None
    miniprogram: MiniProgramEntry | None = None
    file: Filled | None = None

    @model_validator(mode="after")
    def _exactly_one_kind(self) -> PartEntry:
        if len(self.model_fields_set) != 1 or self.content is None:
            raise PydanticCustomError(
                "one_kind",
                "一段内容必须是且只能是一种",
                {"mend": "每个「-」下只写 text、image、link、miniprogram、file 之一，并填上内容"},
            )
        return self

    @property
    def content(self) -> str | LinkEntry | MiniProgramEntry | None:
        return self.text or self.image or self.link or self.miniprogram or self.file

    def part(self) -> Part:
        if self.link is not None:
            return LinkPart(**self.link.model_dump())
        if self.miniprogram is not None:
            return MiniProgramPart(**self.miniprogram.model_dump())
        if self.image is not None:
            return ImagePart(self.image)
        return FilePart(self.file) if self.file is not None else TextPart(self.text or "")


class TagsEntry(Entry):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    product: Words = []
    customer: Words = []
    channel: Words = []
    tone: Words = []

    def tags(self) -> Tags:
        return Tags(**{name: tuple(values) for name, values in self.model_dump().items()})


class ValidityEntry(Entry):
    first: Day = Field(None, alias="from")
    last: Day = Field(None, alias="until")

    @model_validator(mode="after")
    def _in_order(self) -> ValidityEntry:
        if self.first is not None and self.last is not None and self.first > self.last:
            raise PydanticCustomError(
                "reversed_dates",
                "有效期的开始日期在结束日期之后",
                {"mend": "对调 from 和 until"},
            )
        return self

    def validity(self) -> Validity:
        return Validity(self.first, self.last)


class ScriptEntry(Entry):
    id: Annotated[str, Field(pattern=ID_PATTERN)]
    title: Annotated[str, Field(min_length=1, max_length=64)]
    intents: Words = []
    stages: Words = []
    occasion: Occasion | None = None
    tags: TagsEntry = TagsEntry()
    parts: Annotated[list[PartEntry], Field(min_length=1, max_length=5)]
    variables: Annotated[dict[str, str], AfterValidator(_named)] = {}
    valid: ValidityEntry | None = None
    auto: Annotated[bool, Field(strict=True)] = False
    weight: Annotated[float, Field(ge=0.1, le=5, strict=True)] = 1.0
    note: Annotated[str, Field(max_length=500)] | None = None

    def script(self, version: int = 1) -> Script:
        return Script(
            id=self.id,
            title=self.title,
            intents=tuple(dict.fromkeys(self.intents)),
            stages=tuple(dict.fromkeys(self.stages)),
            occasion=self.occasion or (Occasion.REPLY if self.intents else Occasion.UNCLEAR),
            tags=self.tags.tags(),
            parts=tuple(entry.part() for entry in self.parts),
            variables=self.variables,
            valid=self.valid.validity() if self.valid else Validity(),
            auto=self.auto,
            weight=self.weight,
            note=self.note or None,
            version=version,
        )


def read_entry(data: object) -> Script | list[Finding]:
    """The script that `data` describes, or everything that keeps it from being one."""
    try:
        return ScriptEntry.model_validate(data).script()
    except ValidationError as refusal:
        return [finding_of(error) for error in refusal.errors(include_url=False)]


def salvage(data: object, findings: Iterable[Finding]) -> Script | None:
    """What is left of a refused script without its faulty keys, to check the rest of it."""
    if not isinstance(data, dict):
        return None
    faulty = {finding.path[0] for finding in findings if finding.path}
    sound = {key: value for key, value in data.items() if key not in faulty}
    placeholder = {"id": "-", "title": "-", "parts": [{"text": "-"}]}
    outcome = read_entry({**placeholder, **sound})
    return outcome if isinstance(outcome, Script) else None


def script_from_dict(data: Mapping[str, Any]) -> Script:
    """Read back what `Script.as_dict` gave, as it lies in a database."""
    entry = {name: value for name, value in data.items() if name != "version"}
    version = data.get("version", 1)
    try:
        if not isinstance(version, int) or version < 1:
            fault = Finding(("version",), "版本号不是正整数", "改成 1 或更大的整数")
            raise InvalidScript(data.get("id"), [fault])
        return ScriptEntry.model_validate(entry).script(version)
    except ValidationError as refusal:
        findings = [finding_of(error) for error in refusal.errors(include_url=False)]
        raise InvalidScript(data.get("id"), findings) from refusal
