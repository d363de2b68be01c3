from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intents.annotations import ENTITIES, Annotation, parse_annotated, render_annotated
from intents.errors import TrainingDataError
from intents.training_data import check_training_data, load_training_data

HEAD = 'version: "3.1"\nnlu:\n'


def write(folder: Path, content: str, name: str = "shop.yml") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_examples_keep_their_entities_and_their_place(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEAD
        + "- intent: ask_price\n  examples: |\n"
        + '    - [加大码]{"entity": "size", "value": "XL"}多少钱\n'
        + "\n    - [羽绒服](product)咋卖[捂脸]\n",
    )
    first, second = load_training_data([path]).examples
    assert first.text == "加大码多少钱"
    assert first.annotations == (Annotation("size", "XL", 0, 3),)
    assert (second.text, second.line) == ("羽绒服咋卖[捂脸]", 7)


def test_synonyms_lookups_and_regexes(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEAD
        + "- synonym: XL\n  examples: |\n    - 加大码\n"
        + "- lookup: color\n  examples: |\n    - 黑色\n    - 白色\n"
        + "- regex: phone\n  examples: |\n    - 1\\d{10}\n"
        + "- intent: greet\n  examples:\n  - text: 你好\n  - 在吗\n",
    )
    data = load_training_data([path])
    assert data.synonyms == {"加大码": "XL"}
    assert data.lookups == {"color": ("黑色", "白色")}
    assert data.regexes == {"phone": (r"1\d{10}",)}
    assert data.counts() == {"greet": 2}


@pytest.mark.parametrize(
    ("content", "line", "fault"),
    [
        ("version: [", 2, "不是合法的 YAML"),
        ("", 0, "文件是空的"),
        ('version: "3.1"\n', 1, "缺少 nlu"),
        (HEAD + "- intent: ask_prise\n  examples: |\n    - 多少钱\n", 4, "ask_prise 不在意图表里"),
        (HEAD + "- intent: greet\n  examples: |\n    - 你好\n    - [L](syze)\n", 6, "实体 syze"),
        (HEAD + '- intent: greet\n  examples: |\n    - [L]{"entity": }\n', 5, "读不懂"),
        (HEAD + "- intent: greet\n  examples: |\n    - 你好\n    在吗\n", 6, "不以 - 开头"),
        (HEAD + "- intent: greet\n  examples: |\n    - 你好\n    -\n", 6, "空的"),
        (HEAD + "- intent: greet\n", 3, "没有例句"),
        (HEAD + "- intent: greet\n  examples: |\n    - 你好\n  notes: x\n", 6, "不认识的键 notes"),
        (HEAD + "- intent: greet\n  lookup: size\n  examples: |\n    - 你好\n", 3, "只有一种"),
        (HEAD + "- regex: phone\n  examples: |\n    - 1[3\n", 5, "正则写错了"),
        (HEAD + "- lookup: shape\n  examples: |\n    - 圆\n", 4, "不认识的实体 shape"),
        ("version: '3.1'\nstories: []\n", 2, "不认识的顶层键 stories"),
    ],
)
def test_a_slip_is_named_with_file_and_line(
    tmp_path: Path, content: str, line: int, fault: str
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(TrainingDataError, match=fault) as caught:
        load_training_data([path])
    assert caught.value.line == line
    assert str(path) in str(caught.value)
    assert caught.value.mend


def test_one_sentence_in_two_intents_is_refused(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEAD
        + "- intent: greet\n  examples: |\n    - 在嗎\n    - 在吗\n"
        + "- intent: urge_reply\n  examples: |\n    - 在 吗\n",
    )
    (fault,) = check_training_data([path])
    assert "在 urge_reply 和 greet（shop.yml:5）里各写了一次" in str(fault)
    assert fault.line == 9


def test_every_fault_is_listed_at_once(tmp_path: Path) -> None:
    broken = write(tmp_path, HEAD + "- intent: nope\n  examples: |\n    - 好\n", "a.yml")
    other = write(tmp_path, HEAD + "- lookup: nope\n  examples: |\n    - 好\n", "b.yml")
    assert len(check_training_data([broken, other])) == 2


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="文件读不到"):
        load_training_data([tmp_path / "none.yml"])
    (tmp_path / "gbk.yml").write_bytes("意图".encode("gbk"))
    with pytest.raises(TrainingDataError, match="UTF-8"):
        load_training_data([tmp_path / "gbk.yml"])


PLAIN = st.text(alphabet="这件羽绒服有大码吗 L2", min_size=1, max_size=8)


@given(st.lists(st.tuples(PLAIN, st.sampled_from(ENTITIES), PLAIN), max_size=4))
def test_annotations_survive_the_round_trip(parts: list[tuple[str, str, str]]) -> None:
    text, marks = "", []
    for phrase, name, value in parts:
        marks.append(Annotation(name, value, len(text), len(text) + len(phrase)))
        text += phrase + "的"
    assert parse_annotated(render_annotated(text, tuple(marks))) == (text, tuple(marks))


@given(st.text(max_size=60))
def test_odd_yaml_is_refused_and_never_crashes(content: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "odd.yml"
        path.write_text(content, encoding="utf-8", errors="replace")
        assert len(check_training_data([path])) == 1
