"""The tag groups that a shop wants to have, read from YAML."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bot.customers.yaml_files import read_yaml_model

SHIPPED_TAGS = Path(__file__).with_name("tags.yml")


class PlannedGroup(BaseModel):
    """A group with its tags; WeCom allows names of up to 30 characters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=30)
    tags: list[str] = Field(min_length=1)

    @field_validator("tags")
    @classmethod
    def _usable(cls, tags: list[str]) -> list[str]:
        if bad := next((tag for tag in tags if not tag.strip() or len(tag) > 30), None):
            raise ValueError(f"标签「{bad}」不能用：名称要有 1 到 30 个字")
        if len(set(tags)) < len(tags):
            raise ValueError("同一组里有重复的标签")
        return tags


class TagPlan(BaseModel):
    """All planned groups."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = 1
    groups: list[PlannedGroup]


def load_tag_plan(path: Path = SHIPPED_TAGS) -> TagPlan:
    """Read a plan; raises `SettingsError` naming the file, the place and the mend."""
    return read_yaml_model(TagPlan, path, what="标签文件")
