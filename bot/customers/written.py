"""What operators write, as both databases can keep it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Written(BaseModel):
    """Unknown keys are refused, so that a typo does not pass silently; so is what has no form."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _keepable(cls, value: Any) -> Any:
        if not _is_keepable(value):
            raise ValueError("有不能保存的字符，请删除后再试")
        return value


def _is_keepable(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" not in value and not any("\ud800" <= one <= "\udfff" for one in value)
    if isinstance(value, dict):
        return all(_is_keepable(key) and _is_keepable(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_keepable, value))
    return True
