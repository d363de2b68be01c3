"""YAML files of this room, checked as they are read."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from bot.errors import SettingsError
from bot.file_faults import file_fault, yaml_fault

Model = TypeVar("Model", bound=BaseModel)


def read_yaml_model(model: type[Model], path: Path, *, what: str) -> Model:
    """The file as `model`; raises `SettingsError` naming the file, the place and the mend."""
    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"读不了{what} {path}：{file_fault(error)}") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{what} {path} 不是正确的 YAML：{yaml_fault(error)}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "全文"
        message = str(first["msg"]).removeprefix("Value error, ")
        raise SettingsError(f"{path} 的 {place} 有误：{message}") from None
