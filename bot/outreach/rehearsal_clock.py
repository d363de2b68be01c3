"""The service's clock: the machine's, or one that runs ahead for rehearsals on localhost."""

from __future__ import annotations

import ipaddress
import os
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from bot.clock import Clock, RunningClock, SystemClock
from bot.errors import SettingsError
from bot.settings import Settings

_LONGEST_START = 120.0


def service_clock(settings: Settings, *, running: timedelta = timedelta(0)) -> Clock:
    """Begins at its start `running` ago by the machine's time.

    Raises `SettingsError` when a moved clock would reach the real WeCom.
    """
    start, speed = settings.clock.start, settings.clock.speed
    if start is None and speed == 1:
        return SystemClock()
    if not _is_loopback(settings.wecom.api_base):
        raise SettingsError(
            "设置 clock 有误：只有 wecom.api_base 指向本机（如 http://127.0.0.1:8801/cgi-bin/）时"
            "才能拨动时钟；请去掉 BOT_CLOCK__START 和 BOT_CLOCK__SPEED，或改用模拟平台"
        )
    system = SystemClock()
    return RunningClock(start or system.now(), speed, base=system, running=running)


def process_age() -> timedelta:
    """How long ago this process began; whoever started it counts from then on.

    Zero where the machine does not tell.
    """
    try:
        after_boot = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - after_boot / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return timedelta(0)
    return timedelta(seconds=age) if 0 <= age <= _LONGEST_START else timedelta(0)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
