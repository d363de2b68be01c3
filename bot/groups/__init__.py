"""Customer groups: who comes and goes, how newcomers are greeted, which group is next."""

from __future__ import annotations
