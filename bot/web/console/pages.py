"""The routes of all pages beside the inbox."""

from __future__ import annotations

from bot.web.console import (
    account_pages,
    channels,
    customer,
    customer_acts,
    customers,
    greetings,
    group_codes,
    group_greetings,
    groups,
    journey_frame,
    journey_page,
    journey_step,
    journey_yaml,
    outreach_calendar,
    outreach_journeys,
    outreach_results,
    outreach_tasks,
    outreach_touches,
    tags,
    uploads,
)

PAGES = (
    *customers.ROUTES,
    *customer.ROUTES,
    *customer_acts.ROUTES,
    *channels.ROUTES,
    *groups.ROUTES,
    *tags.ROUTES,
    *greetings.ROUTES,
    *group_codes.ROUTES,
    *group_greetings.ROUTES,
    *uploads.ROUTES,
    *account_pages.ROUTES,
    *outreach_calendar.ROUTES,
    *outreach_touches.ROUTES,
    *outreach_tasks.ROUTES,
    *outreach_journeys.ROUTES,
    *journey_page.ROUTES,
    *journey_step.ROUTES,
    *journey_frame.ROUTES,
    *journey_yaml.ROUTES,
    *outreach_results.ROUTES,
)
