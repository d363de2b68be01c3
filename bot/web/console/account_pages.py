"""Who may sign in: operators add and disable people; everybody changes their own password."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from bot import loggers
from bot.errors import BadRequest, Conflict, Unprocessable
from bot.store.tables import ConsoleRole
from bot.web.console import accounts
from bot.web.console.answers import is_htmx
from bot.web.console.desk import desk
from bot.web.console.keys import ACCOUNTS as CHECKS
from bot.web.console.keys import SIGNED, THROTTLE
from bot.web.console.shell import form_of, shown, went
from bot.web.keys import CLOCK, DATABASE

ACCOUNTS, PASSWORD = "/console/accounts", "/console/password"


async def show_accounts(request: web.Request) -> web.Response:
    return await _shown(request)


async def add(request: web.Request) -> web.Response:
    """Somebody new; the password is shown this once."""
    form = await form_of(request)
    name, role = form.get("name", "").strip(), _role(form)
    fresh = await accounts.add_account(request.app[DATABASE], request.app[CLOCK], name, role)
    _note(request, "an account was added", name)
    return await _shown(request, fresh=(name, fresh))


async def reset(request: web.Request) -> web.Response:
    """A new password for somebody else, shown this once; signs them out everywhere."""
    name = _other(request)
    fresh = await accounts.reset_password(request.app[DATABASE], request.app[CLOCK], name)
    _note(request, "a password was reset", name)
    return await _shown(request, fresh=(name, fresh))


async def change_role(request: web.Request) -> web.Response:
    name, role = _other(request), _role(await form_of(request))
    await accounts.change_role(request.app[DATABASE], name, role)
    _note(request, f"an account became {role}", name)
    return went(request, ACCOUNTS, "role")


async def disable(request: web.Request) -> web.Response:
    name = _other(request)
    await accounts.disable(request.app[DATABASE], request.app[CLOCK], name)
    _note(request, "an account was disabled", name)
    return went(request, ACCOUNTS, "disabled")


async def enable(request: web.Request) -> web.Response:
    name = _other(request)
    await accounts.enable(request.app[DATABASE], name)
    _note(request, "an account was enabled", name)
    return went(request, ACCOUNTS, "enabled")


async def show_password(request: web.Request) -> web.Response:
    return shown(request, "password.html", at="password", least=accounts.LEAST_PASSWORD)


async def change_password(request: web.Request) -> web.Response:
    """One's own password, with the present one as proof; guesses are slowed down."""
    form, signed, database = await form_of(request), request[SIGNED], request.app[DATABASE]
    if form.get("new", "") != form.get("again", ""):
        raise Unprocessable("两次输入的新密码不一样，请重新输入")
    throttled = (f"user {signed.user}",)
    await request.app[THROTTLE].attempt(throttled)
    if not await request.app[CHECKS].check(database, signed.user, form.get("old", "")):
        raise Unprocessable("现在的密码不对，请重新输入")
    await request.app[THROTTLE].forgive(throttled)
    await accounts.change_password(database, signed.user, form.get("new", ""), keep=signed.digest)
    return went(request, PASSWORD, "password")


async def _shown(request: web.Request, fresh: tuple[str, str] | None = None) -> web.Response:
    here, signed = desk(request), request[SIGNED]
    rows: list[dict[str, Any]] = [
        {
            "name": one.name,
            "role": one.role,
            "self": one.name == signed.user,
            "disabled": one.disabled_at is not None,
            "seen": here.time(one.signed_in_at) if one.signed_in_at else "",
            "since": here.time(one.created_at),
        }
        for one in await accounts.accounts(here.database)
    ]
    return shown(
        request,
        "_accounts.html" if is_htmx(request) else "accounts.html",
        at="accounts",
        rows=rows,
        roles=list(ConsoleRole),
        fresh=fresh,
    )


def _other(request: web.Request) -> str:
    """The account of the path; nobody may shut themselves out by a wrong click."""
    name = request.match_info["name"][:64]
    if name == request[SIGNED].user:
        raise Conflict("不能改自己的账号；自己的密码请在“我的密码”里改")
    return name


def _role(form: dict[str, str]) -> ConsoleRole:
    try:
        return ConsoleRole(form.get("role", ConsoleRole.GUIDE))
    except ValueError:
        raise BadRequest("没有这种角色，请刷新页面后重试") from None


def _note(request: web.Request, what: str, name: str) -> None:
    loggers.web.info(what, account=name, by=request[SIGNED].user)


ROUTES = (
    web.get(ACCOUNTS, show_accounts),
    web.post(ACCOUNTS, add),
    web.post(ACCOUNTS + "/{name}/reset", reset),
    web.post(ACCOUNTS + "/{name}/role", change_role),
    web.post(ACCOUNTS + "/{name}/disable", disable),
    web.post(ACCOUNTS + "/{name}/enable", enable),
    web.get(PASSWORD, show_password),
    web.post(PASSWORD, change_password),
)
