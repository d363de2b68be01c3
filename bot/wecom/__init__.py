"""The platform's edge: nobody else knows XML, tokens or errcodes."""

from __future__ import annotations
