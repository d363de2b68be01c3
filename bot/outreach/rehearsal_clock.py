"""The service's clock: the machine's, or one that runs ahead for rehearsals on localhost."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from bot.clock import Clock, RunningClock, SystemClock
from bot.errors import SettingsError
from bot.settings import Settings


def service_clock(settings: Settings) -> Clock:
    """Raises `SettingsError` when a moved clock would reach the real WeCom."""
    start, speed = settings.clock.start, settings.clock.speed
    if start is None and speed == 1:
        return SystemClock()
    if not _is_loopback(settings.wecom.api_base):
        raise SettingsError(
            "设置 clock 有误：只有 wecom.api_base 指向本机（如 http://127.0.0.1:8801/cgi-bin/）时"
            "才能拨动时钟；请去掉 BOT_CLOCK__START 和 BOT_CLOCK__SPEED，或改用模拟平台"
        )
    system = SystemClock()
    return RunningClock(start or system.now(), speed, base=system)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
