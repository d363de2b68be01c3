"""Signatures for WeCom's JS-SDK in the sidebar."""

from __future__ import annotations

import hashlib


def sign_page(*, ticket: str, nonce: str, timestamp: int, url: str) -> str:
    """Sign one page for `ww.register`.

    WeCom: hex SHA-1 over the four values in this fixed order, with the URL cut at `#`.
    """
    plain = (
        f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={url.split('#', 1)[0]}"
    )
    return hashlib.sha1(plain.encode(), usedforsecurity=False).hexdigest()
