"""Uploaded pictures, voices, videos and files; they are gone after three days."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from .errors import ApiError
from .storage import Store

LIFE_SECONDS = 3 * 24 * 3600
SMALLEST = 6
MEGABYTE = 1024 * 1024
LARGEST = {
    "image": 10 * MEGABYTE,
    "voice": 2 * MEGABYTE,
    "video": 10 * MEGABYTE,
    "file": 20 * MEGABYTE,
}
PERMANENT = "uploadimg"


@dataclass(frozen=True, slots=True)
class MediaFile:
    """One stored file."""

    media_id: str
    kind: str
    purpose: str
    filename: str
    content_type: str
    data: bytes
    created_at: int


class MediaShelf:
    """The table of media."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self,
        kind: str,
        data: bytes,
        *,
        filename: str,
        content_type: str,
        now: int,
        purpose: str = "upload",
    ) -> MediaFile:
        """Keep a file; sizes outside the type's bounds are refused."""
        _check_size(kind, len(data), purpose)
        stored = MediaFile(
            secrets.token_urlsafe(42), kind, purpose, filename, content_type, data, now
        )
        self._store.insert(
            "media",
            media_id=stored.media_id,
            kind=kind,
            purpose=purpose,
            filename=filename,
            content_type=content_type,
            data=data,
            created_at=now,
        )
        return stored

    def shown(self, media_id: str) -> MediaFile:
        """The file as it stays on a phone: what was sent in time does not fade."""
        row = self._store.one("SELECT * FROM media WHERE media_id = ?", media_id)
        if row is None:
            raise ApiError(40007, "invalid media_id")
        return MediaFile(**dict(row))

    def get(self, media_id: str, now: int) -> MediaFile:
        """The file; unknown and expired ids are refused alike."""
        stored = self.shown(media_id)
        if stored.purpose != PERMANENT and now - stored.created_at > LIFE_SECONDS:
            raise ApiError(40007, "invalid media_id: it expired after three days")
        return stored

    def require(self, media_id: str, kind: str, now: int) -> MediaFile:
        """The file for a message of this kind; one uploaded for another use is refused."""
        stored = self.get(media_id, now)
        if stored.purpose != "upload":
            raise ApiError(40007, "invalid media_id: it was uploaded for another scene")
        if stored.kind != kind:
            raise ApiError(40007, f"invalid media_id: it is {stored.kind}, not {kind}")
        return stored


def _check_size(kind: str, size: int, purpose: str) -> None:
    if kind not in LARGEST:
        raise ApiError(40005, "invalid media type")
    largest = 2 * MEGABYTE if purpose == PERMANENT else LARGEST[kind]
    if purpose == "attachment":
        largest = 10 * MEGABYTE
    if size < SMALLEST:
        raise ApiError(44001 if size == 0 else 40006, "media file is empty or too small")
    if size > largest:
        raise ApiError(45001, f"media file is larger than {largest} bytes")
