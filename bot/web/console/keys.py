"""Typed keys for what the console holds."""

from __future__ import annotations

from aiohttp import web

from bot.web.console.accounts import Accounts
from bot.web.console.assets import Assets
from bot.web.console.sessions import Signed
from bot.web.console.throttle import Throttle

ASSETS = web.AppKey("console_assets", Assets)
ACCOUNTS = web.AppKey("console_accounts", Accounts)
THROTTLE = web.AppKey("console_throttle", Throttle)
SIGNED = web.RequestKey("console_signed", Signed)
