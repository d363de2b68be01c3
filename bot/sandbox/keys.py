"""Typed names of what the web application carries."""

from __future__ import annotations

import asyncio

from aiohttp import web

from .platform import Platform
from .sender import CallbackSender

PLATFORM = web.AppKey("PLATFORM", Platform)
SENDER = web.AppKey("SENDER", CallbackSender)
CLOSING = web.AppKey("CLOSING", asyncio.Event)
