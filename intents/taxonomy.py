"""The fixed list of intents: names, labels and neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from intents.errors import TaxonomyError
from intents.yaml_mends import yaml_mend

OUT_OF_SCOPE = "out_of_scope"
DEFAULT_TAXONOMY = Path(__file__).with_name("intents.yml")


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing a customer may want."""

    name: str
    zh: str
    means: str
    group: str
    neighbour: str | None = None


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """All intents, in the order of the file; out_of_scope is a verdict and not one of them."""

    intents: tuple[Intent, ...]

    def __contains__(self, name: object) -> bool:
        return any(intent.name == name for intent in self.intents)

    def __iter__(self) -> Iterator[Intent]:
        return iter(self.intents)

    def __len__(self) -> int:
        return len(self.intents)

    def __getitem__(self, name: str) -> Intent:
        for intent in self.intents:
            if intent.name == name:
                return intent
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(intent.name for intent in self.intents)

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        grouped: dict[str, list[str]] = {}
        for intent in self.intents:
            grouped.setdefault(intent.group, []).append(intent.name)
        return {group: tuple(names) for group, names in grouped.items()}

    def label(self, name: str) -> str:
        """The Chinese label of an intent, also for the out-of-scope verdict."""
        if name == OUT_OF_SCOPE:
            return "听不懂（超出范围）"
        return self[name].zh if name in self else name


def load_taxonomy(path: Path = DEFAULT_TAXONOMY) -> Taxonomy:
    """Read the taxonomy; raises TaxonomyError that names the file, the fault and the mend."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TaxonomyError("意图表读不到", mend="请检查路径和权限", path=path) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise TaxonomyError(
            "不是合法的 YAML", mend=yaml_mend(error), path=path, line=line
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise TaxonomyError(
            "不是 UTF-8 文本", mend="请另存为 UTF-8，并去掉特殊字符", path=path
        ) from error
    return Taxonomy(tuple(_intents(document, path)))


def _intents(document: Any, path: Path) -> Iterator[Intent]:
    groups = document.get("groups") if isinstance(document, dict) else None
    if not isinstance(groups, dict) or not groups:
        raise TaxonomyError(
            "缺少 groups", mend="请按 groups: 组名: - {name, zh, means} 书写", path=path
        )
    seen: set[str] = set()
    for group, entries in groups.items():
        for entry in entries or ():
            intent = _intent(entry, str(group), path)
            if intent.name in seen:
                raise TaxonomyError(
                    f"意图 {intent.name} 写了两次", mend="请删掉其中一个", path=path
                )
            seen.add(intent.name)
            yield intent


def _intent(entry: Any, group: str, path: Path) -> Intent:
    try:
        return Intent(
            name=str(entry["name"]),
            zh=str(entry["zh"]),
            means=str(entry["means"]),
            group=group,
            neighbour=entry.get("not"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise TaxonomyError(
            f"{group} 组里有一项不完整：{entry!r}", mend="每项要有 name、zh、means", path=path
        ) from error
