"""What the sandbox may answer when it refuses, in the platform's manner."""

from __future__ import annotations


class SandboxError(Exception):
    """Something about running the sandbox itself is wrong."""


class EnvelopeError(SandboxError):
    """An encrypted envelope cannot be opened."""


class UnknownSubject(SandboxError):
    """A customer, account or fault with this name does not exist."""


class ApiError(Exception):
    """A refusal with an errcode; HTTP status stays 200, as on the real platform."""

    def __init__(self, errcode: int, text: str) -> None:
        super().__init__(f"{errcode} {text}")
        self.errcode = errcode
        self.text = text
