"""Every logger by name, and what a log line may hold."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Collection, Mapping, MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog

from bot.settings import LoggingSettings

wecom = structlog.stdlib.get_logger("bot.wecom")
delivery = structlog.stdlib.get_logger("bot.delivery")
dialogue = structlog.stdlib.get_logger("bot.dialogue")
customers = structlog.stdlib.get_logger("bot.customers")
groups = structlog.stdlib.get_logger("bot.groups")
outreach = structlog.stdlib.get_logger("bot.outreach")
web = structlog.stdlib.get_logger("bot.web")
app = structlog.stdlib.get_logger("bot.app")

_PHONE = re.compile(r"(?<!\d)((?:\+?86[ -]?)?1[3-9]\d)[ -]?\d{4}[ -]?(\d{4})(?!\d)")
_PARAMETER = re.compile(r"((?<![A-Za-z])(?:access_token|corpsecret|ticket|code)=)[^&\s'\"]+")


def configure(settings: LoggingSettings, *, secrets: Collection[str] = ()) -> None:
    """Send all logs to standard error, with phones masked and the given secrets struck out."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _fold_exception,
        _Redact(secrets),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(settings, sys.stderr),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level)
    for noisy in ("apscheduler", "alembic", "aiohttp.access", "asyncio", "sqlalchemy"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _renderer(settings: LoggingSettings, stream: TextIO) -> Any:
    if settings.format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=stream.isatty())


def _fold_exception(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """One line says what broke and where; a stack over many lines helps no shop."""
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else info
    if info is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["error"] = f"{type(error).__name__}: {error}".splitlines()[0]
        event["where"] = _origin(error)
    return event


def _origin(error: BaseException) -> str:
    frames = error.__traceback__
    where = "?"
    while frames is not None:
        code = frames.tb_frame.f_code
        where = f"{Path(code.co_filename).name}:{frames.tb_lineno}"
        frames = frames.tb_next
    return where


class _Redact:
    def __init__(self, secrets: Collection[str]) -> None:
        self._secrets = sorted((s for s in secrets if len(s) >= 6), key=len, reverse=True)

    def __call__(
        self, _logger: object, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        # structlog keeps its own objects under names with an underscore.
        return {
            key: value if key.startswith("_") else self._clean(value)
            for key, value in event.items()
        }

    def _clean(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            cleaned = self._text(str(value))
            return value if cleaned == str(value) else cleaned
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return {self._text(str(key)): self._clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(item) for item in value]
        return self._text(repr(value))

    def _text(self, value: str) -> str:
        for secret in self._secrets:
            value = value.replace(secret, "***")
        return _PARAMETER.sub(r"\1***", _PHONE.sub(r"\1****\2", value))
