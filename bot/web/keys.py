"""Typed keys for what the web application holds."""

from __future__ import annotations

from aiohttp import web

from bot.clock import Clock
from bot.customers.funnel import Funnel
from bot.delivery.inbox import Inbox
from bot.dialogue.conversations import Conversations
from bot.dialogue.decisions import Decisions
from bot.settings import Settings
from bot.store.database import Database
from bot.web.live import Hub
from bot.web.metrics import Metrics
from bot.wecom.callback import Callback
from intents import Taxonomy

SETTINGS = web.AppKey("settings", Settings)
CLOCK = web.AppKey("clock", Clock)
DATABASE = web.AppKey("database", Database)
FUNNEL = web.AppKey("funnel", Funnel)
TAXONOMY = web.AppKey("taxonomy", Taxonomy)
INBOX = web.AppKey("inbox", Inbox)
CALLBACK = web.AppKey("callback", Callback)
DECISIONS = web.AppKey("decisions", Decisions)
CONVERSATIONS = web.AppKey("conversations", Conversations)
HUB = web.AppKey("hub", Hub)
METRICS = web.AppKey("metrics", Metrics)
