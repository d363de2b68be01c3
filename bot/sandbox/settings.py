"""What a sandbox needs to know before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .clock import Clock, system_clock


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """One corp, one self-built app, one callback.

    The keys are public sample values: they protect nothing but a page on localhost.
    Times are seconds; the last three let tests hurry.
    """

    corp_id: str = "ww5a6e626f78776563"
    agent_id: int = 1000002
    secret: str = "sandbox-app-secret-4n7Q2kX9"  # noqa: S105
    token: str = "SandboxCallbackToken"  # noqa: S105
    encoding_aes_key: str = "U2FuZGJveFdlQ29tQ2FsbGJhY2tLZXlPZjMyQnl0ZXM"
    callback_url: str = "http://127.0.0.1:8800/wecom/callback"
    console_url: str = "http://127.0.0.1:8800/console/inbox"
    shop_name: str = "暖屿生活馆"
    data_path: Path | None = None
    clock: Clock = system_clock
    calls_per_minute: int = 10_000
    acquisition_quota: int = 1000
    mass_send_rule: str = "days_of_month"
    moments_per_minute: int = 10
    tokenless_sync_per_minute: int = 10_000
    callback_timeout_seconds: float = 5.0
    callback_retry_seconds: float = 1.0
    hang_seconds: float = 30.0
