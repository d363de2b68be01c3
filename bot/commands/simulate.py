"""`wecom-bot simulate`: days of journeys in seconds, on the sandbox and a clock turned by hand."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Annotated, Any

import typer

from bot import loggers
from bot.commands.speaking import Json, say, say_json
from bot.settings import LoggingSettings, Settings, load_settings

_START = "2026-03-02T08:00:00+08:00"
_GARBAGE = 20_000
"""A rehearsal makes many short-lived objects and few that stay."""
_BY_DAY, _BY_NIGHT = timedelta(minutes=30), timedelta(minutes=90)


def add_to(app: typer.Typer) -> None:
    app.command("simulate")(simulate)


@dataclass(frozen=True, slots=True)
class Report:
    """What a rehearsal came to; it is clean when the last three counts are 0."""

    figures: dict[str, Any]
    details: tuple[str, ...]

    @property
    def clean(self) -> bool:
        return not any(self.figures[name] for name in ("violations", "doubled", "lost"))


def simulate(
    customers: Annotated[int, typer.Option("--customers", min=1, help="客户人数")] = 50,
    days: Annotated[int, typer.Option("--days", min=1, max=60, help="演练几天")] = 7,
    seed: Annotated[int, typer.Option("--seed", help="随机种子：同一个种子，同一场演练")] = 1,
    start: Annotated[str, typer.Option("--start", help="从哪一刻开始")] = _START,
    as_json: Json = False,
) -> None:
    """演练：模拟客户回复、下单、退订、沉默，看七天里发了什么、跳过了什么。不连企业微信。

    例：wecom-bot simulate --customers 200 --days 7 --seed 3 --json
    """
    loggers.configure(LoggingSettings(level="ERROR"), secrets=[])
    try:
        moment = datetime.fromisoformat(start)
    except ValueError:
        raise typer.BadParameter("要写成 2026-03-02T08:00:00+08:00 这样") from None
    if moment.tzinfo is None:
        raise typer.BadParameter("时间要带时区，例如 +08:00")
    report = asyncio.run(rehearsed(load_settings(), customers, days, seed, moment))
    if as_json:
        say_json(report.figures)
    else:
        _tell(report)
    if not report.clean:
        raise typer.Exit(1)


async def rehearsed(
    settings: Settings, customers: int, days: int, seed: int, start: datetime
) -> Report:
    """Play the days through and count from the platform's side."""
    began = monotonic()
    gc.disable()  # what a start makes, stays
    from bot.commands.simulated_shop import simulated_shop
    from bot.commands.simulated_truth import truth_of

    async with simulated_shop(
        settings, customers=customers, days=days, seed=seed, start=start
    ) as shop:
        gc.freeze()
        gc.set_threshold(_GARBAGE)
        gc.enable()
        end = start + timedelta(days=days)
        while shop.clock.now() < end:
            hour = shop.clock.now().astimezone(settings.shop.zone).hour
            await shop.move(_BY_DAY if 8 <= hour < 22 else _BY_NIGHT)
        truth = await truth_of(shop)
    figures = {
        "customers": customers,
        "days": days,
        "seed": seed,
        "planned": truth.planned,
        "sent": truth.sent,
        "skipped": truth.skipped,
        "violations": truth.violations,
        "doubled": truth.doubled,
        "lost": truth.lost,
        "seconds": round(monotonic() - began, 2),
    }
    return Report(figures, truth.details)


def _tell(report: Report) -> None:
    from scheduler import Rule

    known = {rule.value: rule.zh for rule in Rule}
    one = report.figures
    say(f"{one['customers']} 位客户，{one['days']} 天，用时 {one['seconds']} 秒")
    say(f"计划 {one['planned']} 次触达，送达 {one['sent']} 次；跳过或取消：")
    for rule, count in one["skipped"].items():
        say(f"  {count:>6}  {known.get(rule, rule)}")
    say(f"超限 {one['violations']}，重复 {one['doubled']}，遗失 {one['lost']}（都应当是 0）")
    if one["planned"] == 0:
        say("这几天里没有人满足入组条件，或旅程都停用了；看单个旅程：wecom-bot plan preview 编号")
    for detail in report.details[:20]:
        say(f"  ! {detail}")
