"""The routes of all pages beside the inbox."""

from __future__ import annotations

from bot.web.console import account_pages, channels, customer, customers, greetings, groups, tags

PAGES = (
    *customers.ROUTES,
    *customer.ROUTES,
    *channels.ROUTES,
    *groups.ROUTES,
    *tags.ROUTES,
    *greetings.ROUTES,
    *account_pages.ROUTES,
)
