"""Typed keys for what the web application holds."""

from __future__ import annotations

from typing import Protocol

from aiohttp import web

from bot.clock import Clock
from bot.customers.channel_posters import ChannelPosters
from bot.customers.channels import Channels
from bot.customers.contacts import Contacts
from bot.customers.funnel import Funnel
from bot.customers.link_quota import LinkQuota
from bot.customers.shop_greetings import ShopGreetings
from bot.delivery.dead_letters import DeadLetters
from bot.delivery.inbox import Inbox
from bot.delivery.media import MediaLibrary
from bot.dialogue.conversations import Conversations
from bot.dialogue.decisions import Decisions
from bot.dialogue.teaching import Teaching
from bot.groups.groups import Groups
from bot.outreach.journey_shelf import JourneyShelf
from bot.outreach.outreach import Outreach
from bot.settings import Settings
from bot.store.database import Database
from bot.web.live import Hub
from bot.web.metrics import Metrics
from bot.wecom.callback import Callback
from intents import Taxonomy


class Train(Protocol):
    """Trains with what was taught, puts the model to work and returns its hash."""

    async def __call__(self) -> str: ...


SETTINGS = web.AppKey("settings", Settings)
CLOCK = web.AppKey("clock", Clock)
DATABASE = web.AppKey("database", Database)
FUNNEL = web.AppKey("funnel", Funnel)
VARIABLES = web.AppKey("variables", dict[str, str])
TAXONOMY = web.AppKey("taxonomy", Taxonomy)
INBOX = web.AppKey("inbox", Inbox)
CALLBACK = web.AppKey("callback", Callback)
DEAD_LETTERS = web.AppKey("dead_letters", DeadLetters)
DECISIONS = web.AppKey("decisions", Decisions)
POSTERS = web.AppKey("posters", ChannelPosters)
CHANNELS = web.AppKey("channels", Channels)
LINK_QUOTA = web.AppKey("link_quota", LinkQuota)
SHOP_GREETINGS = web.AppKey("shop_greetings", ShopGreetings)
CONTACTS = web.AppKey("contacts", Contacts)
GROUPS = web.AppKey("groups", Groups)
MEDIA = web.AppKey("media", MediaLibrary)
CONVERSATIONS = web.AppKey("conversations", Conversations)
TEACHING = web.AppKey("teaching", Teaching)
TRAIN = web.AppKey("train", Train)
HUB = web.AppKey("hub", Hub)
JOURNEYS = web.AppKey("journeys", JourneyShelf)
OUTREACH: web.AppKey[Outreach | None] = web.AppKey("outreach")
METRICS = web.AppKey("metrics", Metrics)
