"""What people and programs see of the bot: callback, API, console, health."""

from __future__ import annotations
