"""The commands of `wecom-bot`, one module a family."""

from __future__ import annotations
