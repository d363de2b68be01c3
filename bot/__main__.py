"""The entry of `wecom-bot` and of `python -m bot`."""

from __future__ import annotations

import gc


def main() -> None:
    """Load the commands and run one; while modules load there is nothing to collect."""
    gc.disable()
    from bot import cli

    gc.enable()
    cli.main()


if __name__ == "__main__":
    main()
