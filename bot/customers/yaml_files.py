"""YAML files of this room, checked as they are read."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from bot.errors import SettingsError

Model = TypeVar("Model", bound=BaseModel)


def read_yaml_model(model: type[Model], path: Path, *, what: str) -> Model:
    """The file as `model`; raises `SettingsError` naming the file, the place and the mend."""
    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        cause = getattr(error, "strerror", None) or "不是 UTF-8 文本"
        raise SettingsError(f"读不了{what} {path}：{cause}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"第 {mark.line + 1} 行" if mark else ""
        raise SettingsError(f"{path} {line}不是正确的 YAML，请检查缩进和括号") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "全文"
        message = str(first["msg"]).removeprefix("Value error, ")
        raise SettingsError(f"{path} 的 {place} 有误：{message}") from None
