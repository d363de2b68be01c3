"""Conversations: messages become bursts, bursts become suggestions, guides decide."""

from __future__ import annotations
