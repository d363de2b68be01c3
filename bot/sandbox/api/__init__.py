"""The `/cgi-bin/` endpoints. `answer` is the way in, over HTTP or in process."""

from __future__ import annotations

from .dispatch import Outcome, answer

__all__ = ["Outcome", "answer"]
