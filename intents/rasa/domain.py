"""Rasa's domain file, written from the taxonomy so that the two cannot drift apart."""

from __future__ import annotations

from intents.annotations import ENTITIES
from intents.taxonomy import OUT_OF_SCOPE, Taxonomy, load_taxonomy

_HEAD = """\
# Written by `python -m intents.rasa domain`; edit intents/intents.yml instead.
version: "3.1"
"""


def domain_text(taxonomy: Taxonomy | None = None) -> str:
    """The whole file: every intent with its Chinese label, every entity."""
    known = taxonomy or load_taxonomy()
    intents = [f"- {name}  # {known.label(name)}" for name in (*known.names, OUT_OF_SCOPE)]
    entities = [f"- {name}" for name in ENTITIES]
    return "\n".join([f"{_HEAD}intents:", *intents, "entities:", *entities, ""])
