"""Uploading files, so that messages can refer to them by `media_id`."""

from __future__ import annotations

from collections.abc import Awaitable
from mimetypes import guess_type
from typing import Any

import aiohttp
from wechatpy.work.client.api.media import WeChatMedia


def media_form(filename: str, content: bytes) -> aiohttp.FormData:
    """The form of an upload. WeCom shows the name to customers and takes it as plain UTF-8:
    a percent-encoded one would be shown so."""
    name = "".join(letter for letter in filename if letter.isprintable())
    data = aiohttp.FormData(quote_fields=False)
    kind = guess_type(name)[0] or "application/octet-stream"
    data.add_field("media", content, filename=name, content_type=kind)
    return data


class MediaApi(WeChatMedia):  # type: ignore[misc]  # wechatpy has no types
    """Temporary media. WeCom: a `media_id` lives three days."""

    def upload_bytes(
        self, kind: str, *, filename: str, content: bytes
    ) -> Awaitable[dict[str, Any]]:
        """Upload an `image` (≤ 10 MB), `voice`, `video` or `file` (≤ 20 MB)."""

        def form() -> aiohttp.FormData:
            return media_form(filename, content)

        answer: Awaitable[dict[str, Any]] = self._post(
            "media/upload", params={"type": kind}, form=form
        )
        return answer
