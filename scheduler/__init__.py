"""Time and plans. For now the ticker; journeys and quotas come to live here."""

from __future__ import annotations

from scheduler.ticker import Ticker as Ticker
