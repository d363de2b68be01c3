"""One call to the API, and how its parameters are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from ..media import MediaFile

if TYPE_CHECKING:
    from ..platform import Platform

Body = dict[str, Any]
LARGEST_NUMBER = 2**32
Answer = Body | MediaFile


@dataclass(frozen=True, slots=True)
class Upload:
    """One part of a multipart form."""

    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """What arrived; `api` is the path after `/cgi-bin/`.

    `base` is where the caller reached the platform: pictures and links are there too.
    """

    api: str
    method: str = "POST"
    query: Mapping[str, str] = field(default_factory=dict)
    body: Body = field(default_factory=dict)
    upload: Upload | None = None
    ip: str = "127.0.0.1"
    base: str = ""

    def text(self, name: str, *, missing: int = 40058, longest: int | None = None) -> str:
        """A required text; `longest` counts bytes."""
        return text_of(self.body, name, missing=missing, longest=longest)

    def number(self, name: str, default: int) -> int:
        """An optional whole number."""
        value = self.body.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ApiError(40058, f"invalid parameter: {name} must be an integer")
        if abs(value) > LARGEST_NUMBER:
            raise ApiError(40058, f"invalid parameter: {name} is out of range")
        return value

    def texts(self, name: str, *, most: int) -> list[str]:
        """A required list of texts."""
        value = self.body.get(name)
        if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
            raise ApiError(40058, f"invalid parameter: {name} must be a list of strings")
        if len(value) > most:
            raise ApiError(40058, f"invalid parameter: {name} has more than {most} entries")
        return value


Handler = Callable[["Platform", Call], Answer]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How one path is served. GET endpoints take a POST too, not the other way round."""

    handler: Handler
    method: str = "POST"
    needs_token: bool = True


def get(handler: Handler, *, needs_token: bool = True) -> Endpoint:
    """An endpoint whose parameters are all in the URL."""
    return Endpoint(handler, "GET", needs_token)


def post(handler: Handler) -> Endpoint:
    """An endpoint with a body."""
    return Endpoint(handler)


def text_of(source: Body, name: str, *, missing: int = 40058, longest: int | None = None) -> str:
    """A required text out of a JSON object."""
    value = source.get(name)
    if value is None or value == "":
        raise ApiError(missing, f"missing parameter: {name}")
    if not isinstance(value, str):
        raise ApiError(40058, f"invalid parameter: {name} must be a string")
    check_length(name, value, longest)
    return value


def optional_text(source: Body, name: str, *, longest: int | None = None) -> str:
    """An optional text out of a JSON object."""
    return text_of(source, name, longest=longest) if source.get(name) else ""


def object_of(source: Body, name: str) -> Body:
    """A required JSON object out of another."""
    value = source.get(name)
    if not isinstance(value, dict):
        raise ApiError(40058, f"missing parameter: {name}")
    return value


def check_length(name: str, value: str, longest: int | None) -> None:
    """Refuse a text of more than `longest` UTF-8 bytes."""
    if longest is not None and len(value.encode()) > longest:
        raise ApiError(40058, f"invalid parameter: {name} is longer than {longest} bytes")
