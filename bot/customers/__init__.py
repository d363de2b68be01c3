"""Who the customers are and where each stands in the funnel."""

from __future__ import annotations
