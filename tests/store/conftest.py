from __future__ import annotations

from corp import clock as clock
from corp import database as database
from corp import empty_file as empty_file
from corp import kept_postgres_url as kept_postgres_url
from corp import ledger as ledger
