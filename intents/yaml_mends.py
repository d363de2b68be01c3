"""What to look at when YAML cannot be read, instead of the parser's own words."""

from __future__ import annotations

import yaml

_MENDS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("cannot start any token", "\\t", "tab"), "缩进一律用空格，不用制表符（Tab）"),
    (("mapping values are not allowed",), "冒号后空一格；文字里带冒号时整段加双引号"),
    (("expected ':'",), "键后面写英文冒号再空一格"),
    (("another document",), "一个文件里只写一份内容，请删掉 ---"),
    (("expected key", "expected '-'", "block end"), "同级的行前面请空一样多的格"),
    (
        ("end of stream", "stream end", "expected ',' or", "content", "quoted"),
        "请检查这一行和上面的引号、{}、[] 有没有成对，都用英文的",
    ),
)


def yaml_mend(error: yaml.MarkedYAMLError) -> str:
    """The mend of the commonest faults; else where to look."""
    told = f"{error.problem} {error.context}"
    for needles, mend in _MENDS:
        if any(one in told or one in repr(told) for one in needles):
            return mend
    return "请检查这一行和上一行的缩进、冒号和引号"
