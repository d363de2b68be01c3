"""Starting: quick when all is well, one clear line when it is not."""

from __future__ import annotations

import socket
import sys
import time

import pytest

from e2e.conftest import StartBot
from e2e.running import Bot
from e2e.standin import Platform


def _ends(start_any: StartBot, platform: Platform, **changes: str) -> tuple[int, str]:
    """The exit code and the output of a bot that cannot start."""
    bot = start_any(platform, launch=False, **changes)
    code = bot.launch().wait(60)
    bot.check_log()
    return code, bot.output.strip()


def test_it_is_soon_ready_and_small(
    bot: Bot, customer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        bot.approve(bot.hears(f"{customer}_{number}", "太贵了")["id"])
    with capsys.disabled():
        sys.stdout.write(
            f"\n  ready after {bot.ready_after:.1f} s ({bot.ready_cost:.1f} s of processor time), "
            f"{bot.resident_mb:.0f} MB resident\n"
        )
    # Other work on the machine may stretch the wait, but not what the start costs.
    assert min(bot.ready_after, bot.ready_cost) < 10
    assert bot.resident_mb < 250


def test_health_and_readiness(bot: Bot) -> None:
    assert bot.get("/healthz").status == 200
    assert bot.get("/readyz").status == 200
    metrics = bot.get("/metrics")
    assert metrics.status == 200
    assert "bot_suggestions_pending" in metrics.text


def test_a_port_in_use_is_said_in_one_line(
    start_any: StartBot, own_platform: Platform, bot: Bot
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, output = _ends(start_any, own_platform, BOT_HTTP__PORT=port)
    assert code == 1
    assert len(output.splitlines()) == 1
    assert port in output and "BOT_HTTP__PORT" in output


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("BOT_HTTP__PORT", "eighty", "http.port"),
        ("BOT_DATABASE__URL", "postgresql+psycopg://u:pw@127.0.0.1:1/x", "database.url"),
        ("BOT_WECOM__ENCODING_AES_KEY", "tooshortakey", "wecom.encoding_aes_key"),
        ("BOT_WECOM__API_BASE", "qyapi", "wecom.api_base"),
        ("BOT_WECOM__SECRET", "", "wecom.secret"),
        ("BOT_DIALOGUE__AUTO_SEND", "perhaps", "dialogue.auto_send"),
        ("BOT_NLU__ENGINE", "magic", "nlu.engine"),
        ("BOT_DIALOGUE__BIRST_SECONDS", "3", "dialogue.birst_seconds"),
        ("BOT_CONFIG", "no/such/file.yml", "BOT_CONFIG"),
    ],
)
def test_a_wrong_setting_is_said_in_one_line(
    start_any: StartBot, platform: Platform, name: str, value: str, key: str
) -> None:
    code, output = _ends(start_any, platform, **{name: value})
    assert code == 1
    assert len(output.splitlines()) == 1, output
    assert key in output
    assert "pw" not in output
    if name == "BOT_WECOM__ENCODING_AES_KEY":
        assert value not in output


@pytest.mark.long
def test_it_stops_when_asked_even_in_the_middle_of_a_call(
    start: StartBot, own_platform: Platform, customer: str
) -> None:
    bot = start(own_platform, BOT_WECOM__TIMEOUT_SECONDS="20")
    suggestion = bot.hears(customer, "太贵了")
    own_platform.fails_for(customer, "hang", works=True)
    bot.approve(suggestion["id"])
    bot.wait_for(lambda: own_platform.got(customer), "the reply")
    started = time.monotonic()
    assert bot.stop() == 0
    assert time.monotonic() - started < 10
    bot.start()
    bot.wait_for(lambda: bot.deliveries(customer, state="done"), "the record of it")
    assert len(own_platform.got(customer)) == 1
