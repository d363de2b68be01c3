"""The shell around the libraries: it gives them time, storage and a network."""

from __future__ import annotations

__version__ = "0.1.0"
