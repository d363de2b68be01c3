"""What a log line may hold: no secret, no phone number, no stack of many lines."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from bot import loggers
from bot.errors import RetryLater
from bot.settings import LoggingSettings

SECRET = "corp-secret-7Hq2kX9"


@pytest.fixture(autouse=True)
def _leave_logging_alone() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, configured = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configured)


def spoken(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def configure(form: str = "json", level: str = "INFO") -> None:
    given = LoggingSettings.model_validate({"format": form, "level": level})
    loggers.configure(given, secrets=[SECRET, SECRET + "-longer", "short"])


@pytest.mark.parametrize("form", ["json", "console"])
def test_secrets_are_struck_out_wherever_they_are(
    capsys: pytest.CaptureFixture[str], form: str
) -> None:
    configure(form)
    loggers.web.info(f"it is {SECRET}", key=SECRET, nested={"deep": [SECRET, {"x": (SECRET,)}]})
    loggers.web.info("error object", error=ValueError(SECRET))
    logging.getLogger("some.library").warning("%s and %s", SECRET, {"a": SECRET})
    try:
        raise ValueError(f"with {SECRET}")
    except ValueError:
        loggers.web.error("broke", exc_info=True)
        logging.getLogger("x").exception("broke")
    loggers.web.info("longer", key=f"{SECRET}-longer")
    text = spoken(capsys)
    assert "7Hq2" not in text
    assert "longer" in text
    assert text.count("***") >= 8


@pytest.mark.parametrize(
    "said",
    [
        "电话13800138000",
        "+8613800138000",
        "138-0013-8000",
        "138 0013 8000",
        13800138000,
        ["13800138000"],
        {"phone": "13800138000"},
    ],
)
def test_phone_numbers_are_masked(capsys: pytest.CaptureFixture[str], said: Any) -> None:
    configure()
    loggers.dialogue.info("heard", said=said)
    text = spoken(capsys)
    for form in ("13800138000", "138-0013-8000", "138 0013 8000"):
        assert form not in text
    assert "138****8000" in text


@pytest.mark.parametrize("number", ["1380013800", "138001380001", "20261120020000", "12800138000"])
def test_other_numbers_stay(capsys: pytest.CaptureFixture[str], number: str) -> None:
    configure()
    loggers.dialogue.info("heard", said=number)
    assert number in spoken(capsys)


@pytest.mark.parametrize(
    "name", ["access_token", "corpsecret", "jsapi_ticket", "ticket", "code", "suite_access_token"]
)
def test_tokens_in_addresses_are_struck_out(capsys: pytest.CaptureFixture[str], name: str) -> None:
    configure()
    loggers.wecom.info("called", url=f"https://a/cgi-bin/x?{name}=abcDEF123&debug=1")
    text = spoken(capsys)
    assert "abcDEF123" not in text
    assert f"{name}=***" in text
    assert "debug=1" in text


def test_errcodes_are_no_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    loggers.wecom.info("answered errcode=95018 statuscode=200")
    assert "errcode=95018 statuscode=200" in spoken(capsys)


def test_an_error_is_one_line_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    configure()

    def breaks() -> None:
        raise RetryLater("平台繁忙\nsecond line", errcode=-1)

    try:
        breaks()
    except RetryLater as error:
        loggers.delivery.error("put off", exc_info=error)
        logging.getLogger("library").exception("broke")
    lines = spoken(capsys).splitlines()
    assert len(lines) == 2
    for line in lines:
        entry = json.loads(line)
        assert entry["error"] == "RetryLater: 平台繁忙"
        assert entry["where"].startswith("test_loggers.py:")
        assert "Traceback" not in line


def test_console_lines_have_no_traceback_either(capsys: pytest.CaptureFixture[str]) -> None:
    configure("console")
    try:
        raise KeyError("x")
    except KeyError:
        logging.getLogger("library").exception("broke")
    text = spoken(capsys)
    assert "Traceback" not in text
    assert len(text.splitlines()) == 1


def test_levels_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    configure(level="WARNING")
    loggers.web.info("quiet")
    loggers.web.warning("loud", number=1)
    entry = json.loads(spoken(capsys))
    assert (entry["event"], entry["level"], entry["logger"]) == ("loud", "warning", "bot.web")
    assert entry["number"] == 1


def test_a_line_break_from_outside_makes_no_second_entry(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure()
    loggers.web.info("path", path='/x\n{"event": "forged"}')
    assert len(spoken(capsys).splitlines()) == 1


def test_an_error_without_words_still_has_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    loggers.web.error("broke", exc_info=TimeoutError())
    assert "TimeoutError" in json.loads(spoken(capsys))["error"]
