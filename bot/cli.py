"""`wecom-bot`: the commands, and one clear line when one of them fails."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from bot import __version__, loggers
from bot.commands import (
    channels,
    console,
    customers,
    db,
    deliveries,
    demo,
    doctor,
    groups,
    nlu,
    plan,
    scripts,
    serve,
    simulate,
    teaching,
)
from bot.commands.speaking import CONFIG_HELP, fail, fail_unexpectedly
from bot.commands.usage import UsageError, of_file, refuse_usage
from bot.errors import BotError
from bot.settings import LoggingSettings
from intents.errors import NluError
from scheduler import SchedulerError
from scripts_library.errors import ScriptLibraryError

app = typer.Typer(
    name="wecom-bot",
    help="企业微信导购助手：听懂客户、推荐话术、由导购确认后回复。\n\n"
    "An open WeCom assistant for shops.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
serve.add_to(app)
demo.add_to(app)
simulate.add_to(app)
nlu.add_to(app)
doctor.add_to(app)
customers.add_to(app)
app.command("reply")(scripts.reply)
app.add_typer(scripts.app, name="scripts")
app.add_typer(plan.app, name="plan")
app.add_typer(teaching.app, name="nlu")
app.add_typer(db.app, name="db")
app.add_typer(console.app, name="console")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(channels.app, name="channels")
app.add_typer(groups.app, name="groups")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"wecom-bot {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    config: Annotated[Path | None, typer.Option("--config", help=CONFIG_HELP)] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="显示版本")
    ] = False,
) -> None:
    if config is not None:
        os.environ["BOT_CONFIG"] = str(config)


def main() -> None:
    """Run a command; exit codes: 0 done, 1 refused or failed, 2 wrong usage."""
    loggers.configure(LoggingSettings(level="WARNING"))
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except UsageError as error:
        sys.exit(refuse_usage(error))
    except (BotError, NluError, SchedulerError, ScriptLibraryError) as error:
        sys.exit(fail(str(error)))
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        sys.exit(fail(of_file(error)))
    except Exception as error:  # noqa: BLE001, RUF100  (a traceback is nothing for a shop)
        sys.exit(fail_unexpectedly(error))


if __name__ == "__main__":
    main()
