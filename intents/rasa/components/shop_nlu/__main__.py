"""`python -m shop_nlu …`: Rasa's own command line, with the token kept out of the process list."""

# mypy: ignore-missing-imports=True
from __future__ import annotations

import os
import sys

TOKEN_VARIABLE = "SHOP_RASA_TOKEN"  # noqa: S105


def main() -> None:
    token = os.environ.pop(TOKEN_VARIABLE, "")
    if token:
        sys.argv += ["--auth-token", token]
    from rasa.__main__ import main as rasa_main

    rasa_main()


if __name__ == "__main__":
    main()
