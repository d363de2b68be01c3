"""WeCom's XML as plain dictionaries; hostile XML is refused."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from bot.errors import MalformedCallback

_DEEPEST = 16  # WeCom: lists are wrapped once or twice


def read_xml(body: bytes | str) -> dict[str, Any]:
    """The children of `<xml>`: text, nested dictionaries, and lists where a tag repeats."""
    try:
        root = fromstring(body, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise MalformedCallback("the body is not plain XML") from None
    value = _value(root)
    if root.tag != "xml" or not isinstance(value, dict):
        raise MalformedCallback("the body has no <xml> with fields")
    return value


def _value(element: Element, depth: int = 0) -> Any:
    if len(element) == 0:
        return element.text or ""
    if depth > _DEEPEST:
        raise MalformedCallback("the XML is nested too deeply")
    fields: dict[str, Any] = {}
    for child in element:
        value = _value(child, depth + 1)
        if child.tag not in fields:
            fields[child.tag] = value
        elif isinstance(fields[child.tag], list):
            fields[child.tag].append(value)
        else:
            fields[child.tag] = [fields[child.tag], value]
    return fields
