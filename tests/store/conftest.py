from __future__ import annotations

from corp import clock as clock
from corp import ledger as ledger
