"""`wecom-bot doctor`: is everything set up, and if not, what to mend, in the right order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import typer

from bot.commands.speaking import Json, fail, say, say_json
from bot.errors import BotError, WeComError
from bot.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: `ok` is None for what could not be tried."""

    name: str
    ok: bool | None
    words: str
    mend: str = ""


def add_to(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(as_json: Json = False) -> None:
    """体检：配置、数据库、话术、语义模型、企业微信的密钥、可信 IP 和客服权限。

    例：wecom-bot --config config.yml doctor
    """
    findings = asyncio.run(_examine(load_settings()))
    if as_json:
        say_json([_plain(finding) for finding in findings])
    else:
        for finding in findings:
            mark = {True: "✓", False: "✗", None: "–"}[finding.ok]
            say(f"{mark} {finding.name}：{finding.words}")
            if finding.mend:
                say(f"    怎么办：{finding.mend}")
    if any(finding.ok is False for finding in findings):
        raise typer.Exit(fail("有需要处理的问题，见上") if not as_json else 1)


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.name,
        "ok": finding.ok,
        "words": finding.words,
        "mend": finding.mend,
    }


async def _examine(settings: Settings) -> list[Finding]:
    local = [
        await _try("数据库", lambda: _database(settings)),
        await _try("话术目录", lambda: _scripts(settings)),
        await _try("语义模型", lambda: _model(settings)),
        _keys(settings),
    ]
    if local[-1].ok:
        return [*local, *await _platform(settings)]
    return [*local, Finding("企业微信接口", None, "填好上面的设置后再检查")]


async def _try(name: str, check: Callable[[], Awaitable[str]]) -> Finding:
    try:
        return Finding(name, True, await check())
    except WeComError as error:
        return Finding(name, False, error.message, error.hint)
    except BotError as error:
        return Finding(name, False, error.message)


async def _database(settings: Settings) -> str:
    from bot.store.database import Database
    from bot.store.migrate import upgrade

    database = Database(settings.database.url)
    try:
        _, head = await upgrade(database)
    finally:
        await database.close()
    return f"可用（{database.url.get_backend_name()}，表结构 {head}）"


async def _scripts(settings: Settings) -> str:
    from bot.customers.funnel import load_funnel
    from bot.errors import SettingsError
    from bot.shop import catalogue_folder, shop_variables
    from intents import load_taxonomy
    from scripts_library import CatalogueError, load_catalogue

    try:
        catalogue = load_catalogue(
            catalogue_folder(settings),
            intents=load_taxonomy().names,
            stages=load_funnel().names,
            variables=shop_variables(settings.shop),
        )
    except CatalogueError as error:
        raise SettingsError(str(error)) from None
    return f"{len(catalogue)} 条，检查通过"


async def _model(settings: Settings) -> str:
    from bot.nlu import builtin_engine

    engine = await builtin_engine(settings.nlu)
    verdict = await engine.understand("什么时候发货")
    return f"可用（试了一句「什么时候发货」→ {verdict.intent}，{verdict.confidence:.0%}）"


def _keys(settings: Settings) -> Finding:
    missing = settings.wecom.missing()
    if not missing:
        return Finding("企业微信设置", True, "corp_id、secret、token、encoding_aes_key 都已填写")
    mend = "照 README.zh-CN.md「连接企业微信」一节填写；没有账号可先运行 wecom-bot demo"
    return Finding("企业微信设置", False, f"缺少 {'、'.join(missing)}", mend)


async def _platform(settings: Settings) -> list[Finding]:
    import aiohttp

    from bot.clock import SystemClock
    from bot.delivery.tokens import StoredTokens
    from bot.store.database import Database
    from bot.wecom.client import WeComClient

    database = Database(settings.database.url)
    try:
        async with aiohttp.ClientSession() as http:
            client = WeComClient(
                settings.wecom, http, shared=StoredTokens(database), clock=SystemClock()
            )
            token = await _try("获取凭证 gettoken", lambda: _token(client))
            if not token.ok:
                return [token, Finding("微信客服账号", None, "凭证可用后再检查")]
            return [token, await _try("微信客服账号", lambda: _accounts(client))]
    finally:
        await database.close()


async def _token(client: Any) -> str:
    await client.check_token()
    return "密钥正确"


async def _accounts(client: Any) -> str:
    answer = await client.kf.accounts(offset=0, limit=100)
    accounts = answer.get("account_list") or []
    if not accounts:
        raise BotError(
            "没有可管理的客服账号：请在「微信客服 → 通过 API 管理」里把账号交给这个应用"
        )
    return "、".join(str(account.get("name") or account["open_kfid"]) for account in accounts)
