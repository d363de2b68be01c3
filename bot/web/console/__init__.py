"""The console: pages for guides and operators."""

from __future__ import annotations
