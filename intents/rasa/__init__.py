"""The Rasa engine's workshop: its own Python 3.10, training, serving, swapping models.

Rasa itself is never imported here; `components/` is what runs inside it.
"""

from __future__ import annotations
