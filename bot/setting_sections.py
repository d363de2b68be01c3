"""The sections of the settings, each with its defaults, bounds and mends."""

from __future__ import annotations

import json
import re
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _split(value: object) -> object:
    """An environment variable gives a list as `a,b` or as JSON."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith(("[", "{")):
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError("写成了 JSON 却不完整，请检查引号和括号") from None
    return [part.strip() for part in value.split(",") if part.strip()]


Names = Annotated[list[str], BeforeValidator(_split)]
Paths = Annotated[list[Path], BeforeValidator(_split)]
Mapping = Annotated[dict[str, str], BeforeValidator(_split)]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"没有叫 {name} 的时区，请写成 Asia/Shanghai 这样的名字") from None
    return name


class ShopSettings(_Section):
    """The shop as its customers know it; every entry is a script variable."""

    name: str = Field("暖屿生活馆", min_length=1, max_length=40)
    timezone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Shanghai"
    variables: Mapping = {}
    variables_file: Path | None = None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class HttpSettings(_Section):
    host: str = "127.0.0.1"
    port: int = Field(8800, ge=0, le=65535)
    public_url: str | None = None
    max_callback_bytes: int = Field(256 * 1024, ge=4096)


class DatabaseSettings(_Section):
    url: str = "sqlite+aiosqlite:///var/wecom.db"

    @field_validator("url")
    @classmethod
    def _supported(cls, url: str) -> str:
        if not url.startswith(("sqlite+aiosqlite:///", "postgresql+psycopg://")):
            raise ValueError(
                "只支持 sqlite+aiosqlite:///文件路径 或 postgresql+psycopg://用户:密码@主机/库名"
            )
        try:
            make_url(url)
        except (ArgumentError, ValueError):
            raise ValueError(
                "地址看不懂，请检查主机和端口；密码里的特殊字符要写成 %40 这样的编码"
            ) from None
        return url

    @property
    def password(self) -> str:
        return make_url(self.url).password or ""


class WeComSettings(_Section):
    api_base: str = "https://qyapi.weixin.qq.com/cgi-bin/"
    corp_id: str = ""
    agent_id: int | None = None
    secret: SecretStr = SecretStr("")
    token: SecretStr = SecretStr("")
    encoding_aes_key: SecretStr = SecretStr("")
    timeout_seconds: float = Field(8.0, gt=0, le=60)
    callback_window_seconds: int = Field(300, ge=30)
    reconcile_seconds: int = Field(300, ge=5)
    calls_per_minute: int = Field(6000, ge=1, le=10_000)

    @field_validator("api_base")
    @classmethod
    def _slash(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("要以 https:// 开头，例如 https://qyapi.weixin.qq.com/cgi-bin/")
        return url.rstrip("/") + "/"

    @field_validator("agent_id", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("encoding_aes_key")
    @classmethod
    def _key_shape(cls, key: SecretStr) -> SecretStr:
        value = key.get_secret_value()
        if value and not re.fullmatch(r"[A-Za-z0-9]{43}", value):
            raise ValueError("必须正好是 43 位字母或数字，请从企业微信后台「接收消息」处重新复制")
        return key

    def missing(self) -> list[str]:
        """Keys that the main path needs and that are still empty."""
        needed = {
            "wecom.corp_id": self.corp_id,
            "wecom.secret": self.secret.get_secret_value(),
            "wecom.token": self.token.get_secret_value(),
            "wecom.encoding_aes_key": self.encoding_aes_key.get_secret_value(),
        }
        return [name for name, value in needed.items() if not value]


class ApiSettings(_Section):
    token: SecretStr = SecretStr("")
    events_secret: SecretStr = SecretStr("")


class ConsoleSettings(_Section):
    session_hours: int = Field(12, ge=1, le=24 * 30)
    secure_cookie: bool | None = None
    language: Literal["zh", "en"] = "zh"
    uploads: Path = Path("var/uploads")


class NluSettings(_Section):
    engine: Literal["builtin", "rasa"] = "builtin"
    data: Paths = []
    model_dir: Path = Path("var/nlu")
    semantic: bool = False
    rasa_url: str = "http://127.0.0.1:5005"
    rasa_token: SecretStr = SecretStr("")
    rasa_timeout_seconds: float = Field(2.0, gt=0)


class DialogueSettings(_Section):
    auto_send: bool = False
    burst_seconds: float = Field(3.0, ge=0, le=60)
    burst_max_seconds: float = Field(20.0, ge=0, le=300)
    choices: int = Field(3, ge=1, le=10)
    auto_confidence: float = Field(0.95, ge=0, le=1)
    auto_intents: Names = [
        "greet",
        "thank",
        "goodbye",
        "ask_shipping_time",
        "ask_courier",
        "ask_return_policy",
        "ask_invoice",
        "ask_payment",
        "ask_store",
        "ask_livestream",
        "join_group",
    ]
    human_intents: Names = ["request_human", "complain"]
    stale_minutes: int = Field(15, ge=1)


class ScriptsSettings(_Section):
    catalogue: Path | None = None
    import_on_start: bool = True


class GreetingSegment(_Section):
    """Words for new friends of one kind; every list that is given must be met."""

    name: str = Field(min_length=1, max_length=40)
    tags: Names = []
    stages: Names = []
    guides: Names = []
    text: str = Field(min_length=1, max_length=1300)
    attachments: list[dict[str, Any]] = Field([], max_length=9)


class GreetingSettings(_Section):
    default_text: str = Field(
        "{customer_name}，你好呀～我是{shop_name}的{guide_name}，很高兴认识你😊\n"
        "想看什么、想问什么，直接发给我就好，看到马上回你！",
        min_length=1,
        max_length=1300,
    )
    returning_lead: str = Field("好久不见，欢迎回来～", max_length=200)
    shared_lead: str = Field("我们店的同事已经认识你啦，之前聊过的不用再说一遍～", max_length=200)
    attachments: list[dict[str, Any]] = Field([], max_length=9)
    segments: list[GreetingSegment] = []
    customer_fallback: str = Field("亲", min_length=1, max_length=20)
    guide_fallback: str = Field("专属导购", min_length=1, max_length=20)
    name_seconds: float = Field(0.4, ge=0, le=5)
    tell_guides: bool = True
    tag_group: str = Field("渠道来源", min_length=1, max_length=30)
    poster_font: Path | None = None
    poster_logo: Path | None = None

    @field_validator("attachments", "segments", mode="before")
    @classmethod
    def _from_json(cls, value: object) -> object:
        return _split(value)


class CustomersSettings(_Section):
    sync: bool = True
    sync_hour: int = Field(4, ge=0, le=23)
    tags: Path | None = None
    tag_rules: Path | None = None
    auto_tags: bool = False


def _hour(value: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise ValueError("时间要写成 09:00 这样（带引号）")
    return value


Hour = Annotated[str, AfterValidator(_hour)]


class GroupSettings(_Section):
    """Customer groups: when owners are told of newcomers and reminded, and what is silence."""

    digest_minutes: int = Field(30, ge=1, le=24 * 60)
    night_from: Hour = "21:30"
    night_to: Hour = "08:30"
    silent_days: int = Field(14, ge=1, le=365)
    reminder_days: int = Field(3, ge=1, le=90)
    segments_file: Path | None = None


class OutreachSettings(_Section):
    """Journeys and their limits; off until an operator has looked at the plans.

    Left at None, they run in rehearsals only: with a clock of their own and no real WeCom.
    """

    enabled: bool | None = None
    journeys: Path | None = None
    calendar: Path | None = None
    mass_send_rule: Literal["days_of_month", "7_per_week", "1_per_day", "4_per_month"] = (
        "days_of_month"
    )
    quiet_from: time = time(21, 30)
    quiet_to: time = time(9, 0)
    fatigue_per_day: int = Field(6, ge=1)
    fatigue_per_week: int = Field(24, ge=1)
    gap_minutes: int = Field(120, ge=0)
    spread_minutes: int = Field(60, ge=0)
    kf_reserve: int = Field(1, ge=0, le=4)
    moments_per_day: int = Field(3, ge=1)
    moments_per_month: int = Field(60, ge=1)
    moment_tasks_per_minute: int = Field(10, ge=1, le=60)
    calls_at_once: int = Field(8, ge=1, le=32)
    guide_cards_per_day: int = Field(80, ge=1)
    remind_after_hours: float = Field(3, gt=0)
    customer_fallback: str = Field("您", min_length=1, max_length=20)
    guide_fallback: str = Field("店里的导购", min_length=1, max_length=20)


class RetentionSettings(_Section):
    """How many days things are kept; without a number messages and touches stay for good."""

    done_days: int = Field(30, ge=7, le=3650)
    messages_days: int | None = Field(None, ge=30, le=3650)
    touches_days: int | None = Field(None, ge=60, le=3650)

    @field_validator("messages_days", "touches_days", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value


class ClockSettings(_Section):
    """A clock for rehearsals: starts at `start` and runs `speed` times as fast."""

    start: AwareDatetime | None = None
    speed: float = Field(1, gt=0, le=100_000)

    @field_validator("start", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value


class LoggingSettings(_Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["console", "json"] = "console"
