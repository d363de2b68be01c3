"""The catalogue format as JSON Schema, for editors that complete and check while typing."""

from __future__ import annotations

from typing import Any

from .catalogue import FORMAT_VERSION
from .schema import ScriptEntry

_WORD_LISTS = {
    "ScriptEntry": ("intents", "stages"),
    "TagsEntry": ("product", "customer", "channel", "tone"),
}


def catalogue_json_schema() -> dict[str, Any]:
    """JSON Schema of one catalogue file; shipped as ``catalogue.schema.json``."""
    definitions = ScriptEntry.model_json_schema(ref_template="#/$defs/{model}")
    shapes = definitions.pop("$defs")
    shapes["ScriptEntry"] = definitions
    for model, fields in _WORD_LISTS.items():
        for field in fields:
            _accept_single_word(shapes[model]["properties"], field)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "话术目录",
        "type": "object",
        "additionalProperties": False,
        "required": ["version", "scripts"],
        "properties": {
            "version": {"const": FORMAT_VERSION},
            "defaults": {**definitions, "title": "每条话术的默认值", "required": []},
            "scripts": {"type": "array", "items": {"$ref": "#/$defs/ScriptEntry"}},
        },
        "$defs": shapes,
    }


def _accept_single_word(properties: dict[str, Any], field: str) -> None:
    listed = properties[field]
    properties[field] = {"anyOf": [listed.get("items", {"type": "string"}), listed]}
