"""`python -m bot.sandbox`: the platform by itself, with sample settings."""

from __future__ import annotations

import argparse
import errno
import sys
from pathlib import Path

from aiohttp import web

from .app import create_app
from .settings import SandboxSettings

USUAL = SandboxSettings()
EXAMPLE = "例：python -m bot.sandbox --port 8801 --callback http://127.0.0.1:8800/wecom/callback"


def parser() -> argparse.ArgumentParser:
    """The options; each default is that of `SandboxSettings`."""
    options = argparse.ArgumentParser("bot.sandbox", description=__doc__, epilog=EXAMPLE)
    options.add_argument("--host", default="127.0.0.1", help="监听地址")
    options.add_argument("--port", type=int, default=8801, help="监听端口")
    options.add_argument("--callback", default=USUAL.callback_url, help="机器人的回调地址")
    options.add_argument("--console", default=USUAL.console_url, help="导购工作台的地址")
    options.add_argument("--data", type=Path, default=None, help="数据文件；不给则只在内存里")
    options.add_argument("--corp-id", default=USUAL.corp_id)
    options.add_argument("--agent-id", type=int, default=USUAL.agent_id)
    options.add_argument("--secret", default=USUAL.secret)
    options.add_argument("--token", default=USUAL.token)
    options.add_argument("--aes-key", default=USUAL.encoding_aes_key)
    return options


def main() -> int:
    """Serve until Ctrl-C."""
    given = parser().parse_args()
    settings = SandboxSettings(
        corp_id=given.corp_id,
        agent_id=given.agent_id,
        secret=given.secret,
        token=given.token,
        encoding_aes_key=given.aes_key,
        callback_url=given.callback,
        console_url=given.console,
        data_path=given.data,
    )
    sys.stdout.write(f"沙盒页面：http://{given.host}:{given.port}/（Ctrl-C 停止）\n")
    sys.stdout.flush()
    try:
        web.run_app(create_app(settings), host=given.host, port=given.port, print=None)
    except OSError as error:
        why = "已被占用" if error.errno == errno.EADDRINUSE else "打不开"
        sys.stderr.write(f"端口 {given.port} {why}，请关掉占用它的程序，或用 --port 换一个。\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
