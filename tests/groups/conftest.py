from __future__ import annotations

from corp import clock as clock
from corp import connect as connect
from corp import http as http
from corp import ledger as ledger
from corp import naps as naps
from corp import platform as platform
from corp import platform_url as platform_url
from corp import script as script
from corp import scripted as scripted
