"""Outreach: carries out what `scheduler` plans, each contact once and within every limit."""

from __future__ import annotations
