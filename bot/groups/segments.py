"""Kinds of groups (群分类): what each is for, its rules, and sample words for newcomers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.customers.yaml_files import read_yaml_model
from bot.errors import Unprocessable
from bot.groups.wording import check_text, fill_known, known_names
from bot.store.group_tables import CustomerGroup

SHIPPED = Path(__file__).with_name("segments.yml")

SegmentName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class Segment(BaseModel):
    """One kind of group; `digest` is said by the owner, `greeting` by WeCom itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str = Field(min_length=1, max_length=20)
    purpose: str = Field(min_length=1, max_length=200)
    rules: str = Field("", max_length=1000)
    greeting: Annotated[str, AfterValidator(check_text)]
    digest: str = Field(min_length=1, max_length=250)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    segments: dict[SegmentName, Segment]
    default: Segment


class Segments:
    """All kinds of groups of this shop."""

    def __init__(self, segments: Mapping[str, Segment], default: Segment) -> None:
        self._segments = dict(segments)
        self.default = default

    @classmethod
    def load(cls, path: Path | None = None) -> Segments:
        """Read the shop's file, or the shipped one; raises `SettingsError`."""
        read = read_yaml_model(_File, path or SHIPPED, what="群分类文件")
        return cls(read.segments, read.default)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._segments)

    def get(self, name: str) -> Segment:
        """The segment of that name, the default one for a group without."""
        return self._segments.get(name, self.default)

    def label(self, name: str) -> str:
        return self.get(name).label if name else ""

    def check(self, name: str) -> str:
        """Raise `Unprocessable` for a segment that nobody defined; empty means none."""
        if name and name not in self._segments:
            raise Unprocessable(
                f"没有叫 {name[:32]} 的群分类，可用：{'、'.join(self._segments)}；"
                "新的分类写进 groups.segments_file 指定的文件"
            )
        return name

    def digest(self, group: CustomerGroup, variables: Mapping[str, str]) -> str:
        """What the owner may say to newcomers; a variable that nobody knows is never shown."""
        segment = self.get(group.segment)
        values = {
            **variables,
            "group_name": group.name or segment.label,
            "purpose": (group.purpose or segment.purpose).rstrip("。.！!"),
        }
        for text in (segment.digest, self.default.digest):
            if known_names(text) <= {name for name, value in values.items() if value}:
                return fill_known(text, values)
        return f"欢迎来到「{values['group_name']}」！"
