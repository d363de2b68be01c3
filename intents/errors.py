"""What can go wrong in the NLU layer, grouped by what the reader should do about it."""

from __future__ import annotations

from pathlib import Path


class NluError(Exception):
    """The NLU layer refused or failed."""


class Mend(NluError):
    """A file needs mending; the message names the place, the fault and the mend."""

    def __init__(self, fault: str, *, mend: str, path: Path | None = None, line: int = 0) -> None:
        self.fault, self.mend, self.path, self.line = fault, mend, path, line
        super().__init__(f"{self._place()}{fault}。{mend}")

    def _place(self) -> str:
        if self.path is None:
            return ""
        return f"{self.path}:{self.line}: " if self.line else f"{self.path}: "


class TaxonomyError(Mend):
    """The list of intents cannot be read."""


class TrainingDataError(Mend):
    """The training data cannot be used as written."""


class EvaluationFileError(Mend):
    """A file of labelled messages has a line that cannot be used."""


class ModelError(NluError):
    """A model file cannot be used; training again makes a new one."""


class TrainingFailed(NluError):
    """No model came out of the training run; the old one stays in use."""


class EngineUnavailable(NluError):
    """An engine out of process gave no usable answer and there is nothing to fall back to."""
