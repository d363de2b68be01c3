"""What the tests of outreach stand on."""

from __future__ import annotations

from corp import clock as clock
from corp import connect as connect
from corp import http as http
from corp import ledger as ledger
from corp import naps as naps
from corp import platform as platform
from corp import platform_url as platform_url
from outreach_shop import outreach_shop as outreach_shop
