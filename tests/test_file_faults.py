from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from bot.file_faults import file_fault, yaml_fault

WRONG = {
    "a: b: c": "第 1 行：冒号的位置不对",
    "a:\n\t- b": "第 2 行：有制表符",
    'a: "x\nb: c': "引号或括号没有成对",
    "a: [1, 2\nb: 3": "第 2 行：引号或括号没有成对",
    "a: [\n": "引号或括号没有成对",
    "a:\n  - x\n b: 1": "第 3 行：这一行的缩进",
    "- a\nb: 1": "第 2 行：这一行的缩进",
    "a: *x": "& * ! 在 YAML 里有特别的意思",
    "a: !shop 1": "& * ! 在 YAML 里有特别的意思",
    'a: "\\q"': "双引号里的 \\ 要写成 \\\\",
    "a: 1\n---\nb: 2": "一个文件里有两份内容",
    "a: \x01": "控制字符",
}


@pytest.mark.parametrize("loader", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", None)])
@pytest.mark.parametrize("text", WRONG)
def test_yaml_is_mended_in_the_words_of_whoever_wrote_it(text: str, loader: type) -> None:
    if loader is None:
        pytest.skip("no libyaml here")
    with pytest.raises(yaml.YAMLError) as caught:
        yaml.load(text, Loader=loader)
    said = yaml_fault(caught.value)
    assert WRONG[text] in said
    assert not re.search(r"found|expect|scanning|indicator", said)


def test_files_are_missing_folders_or_pictures(tmp_path: Path) -> None:
    picture = tmp_path / "a.yml"
    picture.write_bytes(b"\x89PNG\xff")
    for path, said in (
        (tmp_path / "gone.yml", "没有这个文件"),
        (tmp_path, "这是一个文件夹"),
        (picture / "a.yml", "不是文件夹"),
        (picture, "不是 UTF-8 文本"),
    ):
        with pytest.raises((OSError, UnicodeDecodeError)) as caught:
            path.read_text(encoding="utf-8")
        assert said in file_fault(caught.value)
    assert file_fault(OSError(28, "No space left on device")) == (
        "系统报错 28，请检查路径、权限和磁盘空间"
    )
