"""Inbox, outbox and the workers between: nothing is lost, nothing is sent twice."""

from __future__ import annotations
