"""`python -m intents.builtin MODEL SOURCE…`: one training run in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from intents.builtin.model_store import data_hash, save_model
from intents.builtin.training import train
from intents.errors import NluError
from intents.training_data import load_training_data


def main(arguments: list[str]) -> int:
    target, *names = arguments
    sources = [Path(name) for name in names]
    try:
        model = train(load_training_data(sources), data_hash=data_hash(sources))
        save_model(model, Path(target))
    except (NluError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
