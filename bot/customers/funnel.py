"""The funnel: its stages and the guarded moves between them, read from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bot.customers.yaml_files import read_yaml_model

SHIPPED = Path(__file__).with_name("funnel.yml")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Stage(_Strict):
    """One stage; `zh` is what guides see."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    zh: str = Field(min_length=1, max_length=20)


class Move(_Strict):
    """From any of `sources` to `to`, because of an intent or an event."""

    to: str
    sources: Annotated[list[str], Field(alias="from", min_length=1)]
    intents: list[str] = []
    events: list[str] = []

    def applies(self, stage: str, cause: str) -> bool:
        return stage in self.sources and (cause in self.intents or cause in self.events)


class Funnel(_Strict):
    """All stages and moves. `target` answers where a cause leads, if anywhere."""

    version: int = 1
    initial: str
    stages: list[Stage] = Field(min_length=1)
    buyers: list[str] = []
    moves: list[Move] = []

    @model_validator(mode="after")
    def _coherent(self) -> Funnel:
        known = {stage.name for stage in self.stages}
        used = {self.initial, *self.buyers}
        for move in self.moves:
            used |= {move.to, *move.sources}
            if set(move.sources) & set(self.buyers) and move.to not in self.buyers:
                raise ValueError(
                    f"走到 {move.to} 的规则会让已成交的客户退回，请从 from 里去掉 buyers"
                )
        if unknown := sorted(used - known):
            raise ValueError(f"用到了没有定义的阶段：{'、'.join(unknown)}；请写进 stages")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(stage.name for stage in self.stages)

    def label(self, name: str) -> str:
        """The Chinese name of a stage, or the name itself."""
        return next((stage.zh for stage in self.stages if stage.name == name), name)

    def target(self, stage: str, cause: str) -> str | None:
        """The stage to which `cause` (an intent or event) moves somebody now in `stage`."""
        return next((move.to for move in self.moves if move.applies(stage, cause)), None)


def load_funnel(path: Path = SHIPPED) -> Funnel:
    """Read a funnel file; raises `SettingsError` naming the file, the place and the mend."""
    return read_yaml_model(Funnel, path, what="漏斗文件")
