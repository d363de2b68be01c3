"""Settings: `config.yml`, every key overridable by `BOT_<SECTION>__<KEY>` in the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import (
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bot.errors import SettingsError
from bot.file_faults import file_fault, yaml_fault
from bot.setting_sections import (
    ApiSettings,
    ClockSettings,
    ConsoleSettings,
    CustomersSettings,
    DatabaseSettings,
    DialogueSettings,
    GreetingSegment,
    GreetingSettings,
    GroupSettings,
    HttpSettings,
    LoggingSettings,
    NluSettings,
    OutreachSettings,
    RetentionSettings,
    ScriptsSettings,
    ShopSettings,
    WeComSettings,
)

__all__ = [
    "ApiSettings",
    "ClockSettings",
    "ConsoleSettings",
    "CustomersSettings",
    "DatabaseSettings",
    "DialogueSettings",
    "GreetingSegment",
    "GreetingSettings",
    "GroupSettings",
    "HttpSettings",
    "LoggingSettings",
    "NluSettings",
    "OutreachSettings",
    "RetentionSettings",
    "ScriptsSettings",
    "Settings",
    "ShopSettings",
    "WeComSettings",
    "load_settings",
]

DEFAULT_CONFIG = Path("config.yml")


class Settings(BaseSettings):
    """Everything that an operator can set, with defaults that run as shipped."""

    model_config = SettingsConfigDict(
        env_prefix="BOT_",
        env_nested_delimiter="__",
        enable_decoding=False,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    shop: ShopSettings = ShopSettings()
    http: HttpSettings = HttpSettings()
    database: DatabaseSettings = DatabaseSettings()
    wecom: WeComSettings = WeComSettings()
    api: ApiSettings = ApiSettings()
    console: ConsoleSettings = ConsoleSettings()
    nlu: NluSettings = NluSettings()
    dialogue: DialogueSettings = DialogueSettings()
    scripts: ScriptsSettings = ScriptsSettings()
    greetings: GreetingSettings = GreetingSettings()
    groups: GroupSettings = GroupSettings()
    customers: CustomersSettings = CustomersSettings()
    outreach: OutreachSettings = OutreachSettings()
    retention: RetentionSettings = RetentionSettings()
    clock: ClockSettings = ClockSettings()
    logging: LoggingSettings = LoggingSettings()

    @property
    def outreach_runs(self) -> bool:
        """Whether journeys are carried out: as set, else in rehearsals only."""
        asked = self.outreach.enabled
        return self.clock.start is not None if asked is None else asked

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # The file's values arrive as init arguments, and the environment wins over them.
        return env_settings, init_settings


def load_settings(config: Path | None = None) -> Settings:
    """Read the config file and the environment.

    The file is `config`, else `$BOT_CONFIG`, else `config.yml` if it is there.
    Raises `SettingsError` with one line that names the key, its fault and the mend.
    """
    path, asked_for = _config_path(config)
    values = _read_config(path) if asked_for or path.exists() else {}
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(_one_line(error, path)) from None
    except ValueError as error:
        raise SettingsError(f"环境变量里的设置有误：{_first_line(error)}") from None


def _config_path(config: Path | None) -> tuple[Path, bool]:
    if config is not None:
        return config, True
    if named := os.environ.get("BOT_CONFIG"):
        return Path(named), True
    return DEFAULT_CONFIG, False


def _read_config(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise SettingsError(f"找不到配置文件 {path}：请检查 --config 或 BOT_CONFIG") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"读不了配置文件 {path}：{file_fault(error)}") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} 不是正确的 YAML：{yaml_fault(error)}") from None
    if not isinstance(values, dict):
        raise SettingsError(f"{path} 的最外层应是 键: 值 的形式")
    return {str(key): {} if section is None else section for key, section in values.items()}


def _one_line(error: ValidationError, path: Path) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    variable = "BOT_" + "__".join(str(part) for part in first["loc"]).upper()
    more = error.error_count() - 1
    also = f"（另有 {more} 处）" if more else ""
    return f"设置 {key} 有误：{_wording(first)}。请改 {path} 或环境变量 {variable}{also}"


_WORDINGS = {
    "extra_forbidden": "没有这个设置项，请检查拼写",
    "int_parsing": "应是整数",
    "float_parsing": "应是数字",
    "bool_parsing": "应是 true 或 false",
    "string_type": "应是文字（带引号）",
    "list_type": "应是列表",
    "dict_type": "应是 键: 值 的形式",
    "model_type": "应是 键: 值 的形式",
    "timezone_aware": "时间要带时区，例如 2026-11-20T09:00:00+08:00",
    "time_parsing": "应是 21:30 这样的时间（带引号）",
    "model_attributes_type": "应是 键: 值 的形式",
}


def _wording(error: Any) -> str:
    if known := _WORDINGS.get(error["type"]):
        return known
    message = str(error["msg"]).removeprefix("Value error, ")
    return message.rstrip("。.")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
