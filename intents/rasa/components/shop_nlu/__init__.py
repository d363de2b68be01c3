"""What runs inside the Rasa server, on Python 3.10: our engine as a component of Rasa's graph.

Put the project's root and the folder above this package on PYTHONPATH, and any `rasa` command
can load it (`python -m intents.rasa` does so).
"""

from __future__ import annotations

import enum


class _StrEnum(str, enum.Enum):  # noqa: UP042
    """Python 3.11's `enum.StrEnum`, which `intents` uses and Python 3.10 lacks."""

    __str__ = str.__str__


if not hasattr(enum, "StrEnum"):
    enum.StrEnum = _StrEnum
