"""The one error tree, grouped by what the caller should do next."""

from __future__ import annotations

from typing import ClassVar


class BotError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, message: str | None = None, **details: object) -> None:
        self.message = message or (type(self).__doc__ or "").splitlines()[0]
        self.details = details
        super().__init__(self.message)


class SettingsError(BotError):
    """A setting is wrong; the message names the key, the fault and the mend."""

    code = "settings"


class StoreError(BotError):
    """The database cannot be used as it is."""

    code = "store"
    status = 503


class RefusedCallback(BotError):
    """A callback that does not come from our corp on WeCom."""

    code = "refused"
    status = 403


class MalformedCallback(BotError):
    """A callback that cannot be read."""

    code = "malformed"
    status = 400


class OversizedCallback(BotError):
    """A callback larger than any that WeCom sends."""

    code = "too_large"
    status = 413


class BadRequest(BotError):
    """请求内容有误，请按提示修改后重试。"""

    code = "bad_request"
    status = 400


class Unauthorized(BotError):
    """未登录或令牌无效。"""

    code = "unauthorized"
    status = 401


class Forbidden(BotError):
    """没有权限，或页面已过期，请刷新后重试。"""

    code = "forbidden"
    status = 403


class NotFound(BotError):
    """没有找到。"""

    code = "not_found"
    status = 404


class AlreadyDecided(BotError):
    """这条建议已经处理过了。"""

    code = "already_decided"
    status = 409


class Conflict(BotError):
    """内容已被别人更新，请刷新后重试。"""

    code = "conflict"
    status = 409


class Unprocessable(BotError):
    """内容不符合要求。"""

    code = "unprocessable"
    status = 422


class TooManyRequests(BotError):
    """操作太频繁，请稍后再试。"""

    code = "too_many_requests"
    status = 429


class WeComError(BotError):
    """WeCom refused a call; subclasses say what the caller should do."""

    code = "wecom"
    status = 502

    def __init__(
        self,
        message: str | None = None,
        *,
        errcode: int | None = None,
        api: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, errcode=errcode, api=api, hint=hint)
        self.errcode = errcode
        self.api = api
        self.hint = hint


class RetryLater(WeComError):
    """WeCom is busy or limits us; the same call may succeed later."""

    def __init__(
        self,
        message: str | None = None,
        *,
        errcode: int | None = None,
        api: str = "",
        hint: str = "",
        wait_seconds: float | None = None,
    ) -> None:
        super().__init__(message, errcode=errcode, api=api, hint=hint)
        self.wait_seconds = wait_seconds


class UnknownOutcome(RetryLater):
    """The answer was lost: WeCom may or may not have done the work."""


class MendSettings(WeComError):
    """A secret, permission or trusted IP is missing on the WeCom side."""


class TellGuide(WeComError):
    """The customer or session does not allow it; a guide should know."""


class GiveUp(WeComError):
    """The call itself is wrong and repeating it will not help."""
