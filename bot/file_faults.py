"""Why a file cannot be read, written or understood, in the words of whoever keeps it."""

from __future__ import annotations

import yaml

_FILES: tuple[tuple[type[BaseException], str], ...] = (
    (FileNotFoundError, "没有这个文件，请检查路径"),
    (IsADirectoryError, "这是一个文件夹，请写文件的路径"),
    (NotADirectoryError, "路径中间有一段不是文件夹，请检查路径"),
    (PermissionError, "没有权限，请检查文件和文件夹的权限"),
    (FileExistsError, "已经有同名的文件，请换一个名字"),
    (UnicodeDecodeError, "不是 UTF-8 文本，请用编辑器另存为 UTF-8"),
)
_ALIGNED = "这一行的缩进和同级的行没有对齐；同级的行前面空一样多的格"
_PAIRED = "引号或括号没有成对；检查这一行和上面的引号、{}、[]，都用英文的"
_SPECIAL = "& * ! 在 YAML 里有特别的意思；文字里要用时整段加双引号"
_SYNTAX: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("cannot start any token", "\\t", "tab"),
        "有制表符（Tab）或 YAML 不允许的字符；缩进一律用空格",
    ),
    (("mapping values are not allowed",), "冒号的位置不对；文字里带冒号时整段加双引号"),
    (("expected ':'",), "缺少英文冒号；键后面写冒号再空一格，例如 name: 暖屿"),
    (("another document",), "一个文件里有两份内容（---）；拆成两个文件，或删掉 ---"),
    (("expected key", "expected '-'", "expected <block end>"), _ALIGNED),
    (("escape",), "双引号里的 \\ 要写成 \\\\；或改用单引号"),
    (("end of stream", "stream end", "expected ',' or", "content", "quoted scalar"), _PAIRED),
    (("alias", "anchor", "tag"), _SPECIAL),
)


def file_fault(error: OSError | UnicodeDecodeError) -> str:
    """The fault and the mend, without the operating system's English."""
    for kind, words in _FILES:
        if isinstance(error, kind):
            return words
    return f"系统报错 {getattr(error, 'errno', None) or '不明'}，请检查路径、权限和磁盘空间"


def yaml_fault(error: yaml.YAMLError) -> str:
    """The line where there is one, the fault and the mend: 第 3 行：……；……"""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = f"第 {mark.line + 1} 行：" if mark else ""
    if isinstance(error, yaml.reader.ReaderError):
        return "文件里有不可见的控制字符；删掉后重新保存"
    told = f"{getattr(error, 'problem', '')} {getattr(error, 'context', '')}"
    for needles, words in _SYNTAX:
        if any(one in told or one in repr(told) for one in needles):
            return line + words
    return f"{line}写法不合 YAML 的规矩；检查这一行和上一行的缩进、冒号、引号"
