"""The way of a callback from raw bytes to a typed event, as a list of small steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from bot.clock import Clock, as_real, faces
from bot.errors import MalformedCallback, OversizedCallback, RefusedCallback
from bot.settings import WeComSettings
from bot.wecom.envelope import Envelope, Opened, check_receiver, same_signature, sign
from bot.wecom.events import InboundEvent, typed_event
from bot.wecom.xml import read_xml


@dataclass(slots=True)
class Push:
    """One request to the callback, filled in step by step."""

    query: Mapping[str, str]
    body: bytes = b""
    encrypted: str = ""
    opened: Opened = field(default_factory=lambda: Opened("", ""))
    event: InboundEvent | None = None


class Callback:
    """Lets in what WeCom sent to our corp, and nothing else.

    Every failure is a `RefusedCallback` (403), `MalformedCallback` (400) or
    `OversizedCallback` (413); no other exception leaves this class.
    """

    def __init__(self, settings: WeComSettings, clock: Clock, *, max_bytes: int) -> None:
        self._envelope = Envelope(settings.encoding_aes_key.get_secret_value())
        self._token = settings.token.get_secret_value()
        self._corp_id = settings.corp_id
        self._window = settings.callback_window_seconds
        self._clock = clock
        self._max_bytes = max_bytes
        self._to_echo: tuple[Callable[[Push], None], ...] = (
            self._take_echo,
            self._check_signature,
            self._check_timestamp,
            self._open,
            self._check_corp,
        )
        self._to_event: tuple[Callable[[Push], None], ...] = (
            self._check_size,
            self._take_envelope,
            self._check_signature,
            self._check_timestamp,
            self._open,
            self._check_corp,
            self._read_event,
        )

    def echo(self, query: Mapping[str, str]) -> str:
        """Answer the URL verification: the plain text of `echostr`, nothing around it."""
        push = Push(query)
        for step in self._to_echo:
            step(push)
        return push.opened.text

    def receive(self, query: Mapping[str, str], body: bytes) -> InboundEvent:
        """The event inside a push."""
        push = Push(query, body)
        for step in self._to_event:
            step(push)
        if push.event is None:
            raise MalformedCallback
        return push.event

    def _check_size(self, push: Push) -> None:
        if len(push.body) > self._max_bytes:
            raise OversizedCallback

    def _take_echo(self, push: Push) -> None:
        # A "+" of base64 that the sender forgot to quote arrives as a blank.
        push.encrypted = push.query.get("echostr", "").replace(" ", "+")
        if not push.encrypted:
            raise MalformedCallback("echostr is missing")

    def _take_envelope(self, push: Push) -> None:
        encrypted = read_xml(push.body).get("Encrypt")
        if not isinstance(encrypted, str) or not encrypted.strip():
            raise MalformedCallback("the body has no <Encrypt>")
        push.encrypted = encrypted.strip()

    def _check_signature(self, push: Push) -> None:
        ours = sign(
            self._token,
            push.query.get("timestamp", ""),
            push.query.get("nonce", ""),
            push.encrypted,
        )
        if not same_signature(ours, push.query.get("msg_signature", "")):
            raise RefusedCallback("the signature is wrong")

    def _check_timestamp(self, push: Push) -> None:
        try:
            sent = int(push.query.get("timestamp", ""))
        except ValueError:
            raise MalformedCallback("the timestamp is not a number") from None
        window = as_real(self._clock, timedelta(seconds=self._window)).total_seconds()
        if all(abs(int(now.timestamp()) - sent) > window for now in faces(self._clock)):
            raise RefusedCallback("the timestamp is stale")

    def _open(self, push: Push) -> None:
        push.opened = self._envelope.open(push.encrypted)

    def _check_corp(self, push: Push) -> None:
        check_receiver(push.opened, self._corp_id)

    def _read_event(self, push: Push) -> None:
        push.event = typed_event(read_xml(push.opened.text))
