"""`python -m intents.rasa install|train|serve|up|swap|domain`: Rasa from nothing to serving."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from intents.circuit_breaker import CircuitBreaker
from intents.errors import NluError
from intents.rasa.domain import domain_text
from intents.rasa.environment import Environment
from intents.rasa.server import HOST, PORT, TOKEN_VARIABLE, RasaServer, token_of, warm_up
from intents.rasa.training import CONFIG, DOMAIN, model_name, train
from intents.rasa_client import RasaEngine
from intents.training_data import data_files

TAUGHT = Path("var/nlu/taught.yml")
_EXAMPLE = "例：python -m intents.rasa up   装好、训练（都只做没做过的）、再在 127.0.0.1:5005 服务"


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except (NluError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m intents.rasa", epilog=_EXAMPLE)
    parser.add_argument("--venv", type=Path, default=Path(".venv-rasa"), help="Rasa 的虚拟环境")
    parser.add_argument("--var", type=Path, default=Path("var/rasa"), help="模型和令牌放在哪里")
    commands = parser.add_subparsers(required=True, metavar="命令")
    commands.add_parser("install", help="建 Python 3.10 环境并装 Rasa").set_defaults(run=_install)
    training = commands.add_parser("train", help="训练；语料和流水线没变就不重训")
    serving = commands.add_parser("serve", help="用最新语料的模型服务（先 train）")
    everything = commands.add_parser("up", help="install、train、serve 一起做")
    swapping = commands.add_parser("swap", help="让正在服务的 Rasa 换上新训练的模型")
    for command, run in (
        (training, _train),
        (serving, _serve),
        (everything, _up),
        (swapping, _swap),
    ):
        command.set_defaults(run=run)
        command.add_argument("--config", type=Path, default=CONFIG, help="流水线文件")
        command.add_argument(
            "--data", type=Path, nargs="+", default=data_files(), help="语料文件（默认随包的全部）"
        )
        command.add_argument("--taught", type=Path, default=TAUGHT, help="店里自己教的例句")
    for command in (training, everything):
        command.add_argument("--force", action="store_true", help="没有变化也重训")
    for command in (serving, everything, swapping):
        command.add_argument("--host", default=HOST, help="只听本机；要对外请放在反向代理后面")
        command.add_argument("--port", type=int, default=PORT)
    domain = commands.add_parser("domain", help="按意图表写 domain.yml")
    domain.add_argument("--check", action="store_true", help="只看是否一致")
    domain.set_defaults(run=_domain)
    return parser


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _install(chosen: argparse.Namespace) -> int:
    environment = Environment(chosen.venv.absolute())
    environment.install(_say)
    _say(f"Rasa 环境可用：{chosen.venv}")
    return 0


def _train(chosen: argparse.Namespace) -> int:
    environment = Environment(chosen.venv.absolute())
    models = chosen.var.absolute() / "models"
    target = models / model_name(chosen.config, _sources(chosen))
    if chosen.force or not target.exists():
        _say("正在训练 Rasa 模型…")
    train(environment, models, config=chosen.config, sources=_sources(chosen), force=chosen.force)
    _say(f"模型：{target}")
    return 0


def _serve(chosen: argparse.Namespace) -> int:
    server = RasaServer(
        Environment(chosen.venv.absolute()),
        _model(chosen),
        token_of(chosen.var),
        chosen.host,
        chosen.port,
    )
    server.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: sys.exit(0))
    try:
        asyncio.run(server.ready())
        _say(f"Rasa 已就绪：{server.url}，模型 {server.model.name}")
        _say(f"让机器人用它：export BOT_NLU__ENGINE=rasa BOT_NLU__RASA_URL={server.url}")
        if not os.environ.get(TOKEN_VARIABLE, "").strip():
            _say(f'  export {TOKEN_VARIABLE}="$(cat {chosen.var}/token)"')
        return server.wait()
    finally:
        server.stop()


def _up(chosen: argparse.Namespace) -> int:
    return _install(chosen) or _train(chosen) or _serve(chosen)


def _swap(chosen: argparse.Namespace) -> int:
    model = _model(chosen)
    asyncio.run(_swapped(f"http://{chosen.host}:{chosen.port}", token_of(chosen.var), model))
    _say(f"已换上 {model.name}")
    return 0


async def _swapped(url: str, token: str, model: Path) -> None:
    async with aiohttp.ClientSession() as session:
        clock = asyncio.get_running_loop().time
        engine = RasaEngine(session, url, breaker=CircuitBreaker(clock), token=token)
        await engine.swap(str(model))
        await warm_up(session, url, token)


def _model(chosen: argparse.Namespace) -> Path:
    """The model for today's data; the newest one when the data has moved on since."""
    models: Path = chosen.var.absolute() / "models"
    exact = models / model_name(chosen.config, _sources(chosen))
    if exact.exists():
        return exact
    older = max(models.glob("nlu-*.tar.gz"), key=lambda path: path.stat().st_mtime, default=None)
    if older is None:
        raise NluError("还没有模型。请先运行 python -m intents.rasa train")
    _say(f"语料或流水线变过了，先用 {older.name}；运行 train 再 swap 就换成新的")
    return older


def _sources(chosen: argparse.Namespace) -> list[Path]:
    return [*chosen.data, *([chosen.taught] if chosen.taught.exists() else [])]


def _domain(chosen: argparse.Namespace) -> int:
    text = domain_text()
    if not chosen.check:
        DOMAIN.write_text(text, encoding="utf-8")
        return 0
    if DOMAIN.read_text(encoding="utf-8") == text:
        return 0
    raise NluError(f"{DOMAIN}: 与意图表不一致。请运行 python -m intents.rasa domain")


if __name__ == "__main__":
    sys.exit(main())
