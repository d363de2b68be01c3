"""The shop's own variables: a flat YAML file of names and plain texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .errors import CatalogueError, Problem
from .yaml_marks import MarkedDocument, read_marked


def load_shop_variables(path: Path | str) -> dict[str, str]:
    """Read shop variables such as ``shop_name``; raises `CatalogueError` with every problem.

    Empty values are left out, so a text with a fallback uses it and one without is not sent.
    """
    file = Path(path)
    document = read_marked(file)
    problems = [Problem(file.name, f.line, None, f.fault, f.mend) for f in document.faults]
    if not problems:
        problems = _shape_problems(file.name, document)
    if problems:
        raise CatalogueError(problems)
    values: dict[str, Any] = document.data or {}
    return {name: str(value).strip() for name, value in values.items() if value not in (None, "")}


def _shape_problems(file: str, document: MarkedDocument) -> list[Problem]:
    data = document.data
    if data is None:
        return []
    if not isinstance(data, dict):
        mend = "每行写一个「变量名: 值」，例如 shop_name: 暖屿生活馆"
        return [Problem(file, None, None, "店铺信息不是「键: 值」的样子", mend)]
    problems = []
    for name, value in data.items():
        line = document.line_of((name,))
        if not name.isidentifier():
            mend = "只用字母、数字、下划线或汉字，不以数字开头"
            problems.append(Problem(file, line, None, f"变量名「{name}」写法不对", mend))
        if isinstance(value, dict | list | bool):
            mend = "写成一段文字并加双引号"
            problems.append(Problem(file, line, None, f"变量「{name}」的值不是文字", mend))
    return problems
