from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import scripts_library
from scripts_library import (
    CatalogueError,
    InvalidScript,
    MiniProgramPart,
    Occasion,
    Problem,
    Script,
    Validity,
    check_catalogue,
    dump_catalogue,
    escape_braces,
    load_catalogue,
    load_shop_variables,
    script_from_dict,
)
from scripts_library.schema_document import catalogue_json_schema

WriteCatalogue = Callable[..., Path]

ONE = """version: 1
defaults:
  tags: {tone: 亲切}
scripts:
- id: price.objection.value
  title: 嫌贵·讲价值
  intents: [complain_price, bargain]
  stages: objection
  tags: {product: 羽绒服, customer: [老客]}
  parts:
  - text: "{customer_name|亲}，这款用的是{fabric}"
  - miniprogram: {appid: wx123, title: 商城, page: pages/index.html}
  variables: {fabric: 产品面料}
  valid: {from: 2026-11-01, until: 2026-11-12}
  auto: true
  weight: 2
"""


def problems_of(folder: Path) -> list[Problem]:
    found = check_catalogue(
        folder, intents=["complain_price", "bargain"], stages=["objection", "closing"]
    )
    return list(found)


def script_yaml(body: str) -> str:
    return f"version: 1\nscripts:\n- id: a\n  title: 标题\n{body}"


def test_a_file_becomes_scripts(write_catalogue: WriteCatalogue) -> None:
    [script] = load_catalogue(write_catalogue(ONE), intents=["complain_price", "bargain"])
    assert script.intents == ("complain_price", "bargain")
    assert script.stages == ("objection",)
    assert script.tags.as_dict() == {"product": ["羽绒服"], "customer": ["老客"], "tone": ["亲切"]}
    assert script.parts[1] == MiniProgramPart("wx123", "商城", "pages/index.html")
    assert script.valid == Validity(date(2026, 11, 1), date(2026, 11, 12))
    assert (script.auto, script.weight, script.occasion) == (True, 2.0, Occasion.REPLY)


def test_a_script_without_intents_asks_to_clarify(write_catalogue: WriteCatalogue) -> None:
    [script] = load_catalogue(write_catalogue(script_yaml("  parts: [{text: 您是想问哪款呢}]\n")))
    assert script.occasion is Occasion.UNCLEAR


@pytest.mark.parametrize(
    ("body", "line", "fault", "mend"),
    [
        (
            "  intents: [complain_prise]\n  parts: [{text: 好}]\n",
            5,
            "complain_prise",
            "complain_price",
        ),
        ("  stages: closng\n  parts: [{text: 好}]\n", 5, "不认识的阶段", "closing"),
        ("  parts: [{text: 好}]\n  tag: {}\n", 6, "不认识的键「tag」", "tags"),
        ("  parts:\n  - txt: 好\n", 6, "不认识的键「txt」", "text"),
        ("  parts:\n  - text: ''\n", 6, "是空的", "填上"),
        ("  parts: []\n", 5, "是空的", "填上"),
        ("  parts:\n  - {text: 好, image: a.png}\n", 6, "只能是一种", "之一"),
        ("  parts:\n  - text: 123\n", 6, "应当是一段文字", "双引号"),
        ("  parts:\n  - text: '{fabrik}好'\n  variables: {fabric: 面料}\n", 6, "fabrik", "fabric"),
        ("  parts:\n  - text: '{name'\n", 6, "没有配对", "补上"),
        (f"  parts:\n  - text: {'字' * 683}\n", 6, "2049 字节", "2048"),
        ('  parts:\n  - text: "一\\t二"\n', 6, "制表符", "空格"),
        ("  parts:\n  - image: assets/none.png\n", 6, "找不到文件", "assets/none.png"),
        ("  parts:\n  - image: ../secret.png\n", 6, "走出了话术目录", "assets/"),
        ("  parts:\n  - image: http://x.cn/a.png\n", 6, "不是 https", "assets"),
        ("  parts:\n  - link: {title: 好, url: x.cn}\n", 6, "链接不是网址", "https://"),
        (
            "  parts: [{text: 好}]\n  valid:\n    from: 2026-11-12\n    until: 2026-11-01\n",
            6,
            "开始日期在结束日期之后",
            "对调",
        ),
        ("  parts: [{text: 好}]\n  valid: {from: 2026-11-31}\n", 6, "看不懂", "日期"),
        ("  parts: [{text: 好}]\n  valid: {from: 明天}\n", 6, "日期看不懂", "2026-11-01"),
        ("  parts: [{text: 好}]\n  auto: 'yes'\n", 6, "true 或 false", "引号"),
        ("  parts: [{text: 好}]\n  weight: 9\n", 6, "0.1 到 5", "2"),
        ("  parts: [{text: 好}]\n  occasion: care_\n", 6, "不认识的场合", "care"),
        ("  parts: [{text: 好}]\n  title: 又一个\n", 6, "写了两次", "只留一个"),
        ("  parts: [{text: 好}]\n  tags: {product: '羽绒服、针织衫'}\n", 6, "顿号", "列表"),
    ],
)
def test_each_fault_names_line_and_mend(
    write_catalogue: WriteCatalogue, body: str, line: int, fault: str, mend: str
) -> None:
    problems = problems_of(write_catalogue(script_yaml(body)))
    assert [problem.line for problem in problems] == [line]
    assert (problems[0].file, problems[0].script_id or "a") == ("price.yml", "a")
    assert fault in problems[0].fault
    assert mend in problems[0].mend


def test_all_faults_are_reported_together(write_catalogue: WriteCatalogue) -> None:
    body = "  intents: [wrong]\n  weight: 9\n  parts:\n  - text: ''\n  - text: '{x}'\n"
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(write_catalogue(script_yaml(body)), intents=["complain_price"])
    assert [problem.line for problem in caught.value.problems] == [5, 6, 8]
    assert "3 处" in str(caught.value)


def test_repeated_ids_name_both_places(write_catalogue: WriteCatalogue) -> None:
    write_catalogue(script_yaml("  parts: [{text: 一}]\n"), "a.yml")
    [problem] = problems_of(write_catalogue(script_yaml("  parts: [{text: 二}]\n"), "b.yml"))
    assert (problem.file, problem.line) == ("b.yml", 3)
    assert "a.yml 第 3 行" in problem.fault


def test_repeated_texts_name_both_scripts(write_catalogue: WriteCatalogue) -> None:
    body = "  parts: [{text: 一样}]\n- id: b\n  title: 另一条\n  parts: [{text: 一样}]\n"
    [problem] = problems_of(write_catalogue(script_yaml(body)))
    assert (problem.script_id, problem.line) == ("b", 6)
    assert "a（price.yml 第 3 行）" in problem.fault


def test_a_fault_in_the_defaults_is_reported_once(write_catalogue: WriteCatalogue) -> None:
    content = "version: 1\ndefaults:\n  weight: 99\nscripts:\n" + "".join(
        f"- {{id: s{n}, title: 题, parts: [{{text: 话{n}}}]}}\n" for n in range(3)
    )
    [problem] = problems_of(write_catalogue(content))
    assert (problem.line, problem.script_id) == (3, None)


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("version: 1\nscripts:\n\t- id: a\n", 3, "制表符"),
        ("version: 1\nscripts: [\n", 3, "引号或括号没有成对"),
        ("version: 2\nscripts: []\n", 1, "格式版本"),
        ("version: 1\n", 1, "scripts"),
        ("- a\n", 1, "不是话术目录"),
        ("", None, "不是话术目录"),
        ("version: 1\nscripts: &a [*a]\n", 2, "引用"),
        ("version: 1\nscripts:\n- 好\n", 3, "带键的一组内容"),
        ("a: b: c\n", 1, "冒号"),
        ("version: 1\n---\nscripts: []\n", 2, "两份内容"),
        ("version: 1\nscript: []\nscripts: []\n", 2, "script"),
        ("version: 1\nx: \x07\n", 2, "控制字符"),
    ],
)
def test_broken_files_are_explained(
    write_catalogue: WriteCatalogue, content: str, line: int | None, words: str
) -> None:
    problems = problems_of(write_catalogue(content))
    assert any(p.line == line and words in p.fault + p.mend for p in problems), problems


def test_a_file_that_is_not_utf8_is_explained(write_catalogue: WriteCatalogue) -> None:
    folder = write_catalogue("")
    (folder / "price.yml").write_bytes("version: 1\n# 话术\n".encode("gbk"))
    [problem] = problems_of(folder)
    assert problem.line == 2
    assert "UTF-8" in problem.fault


def test_deep_nesting_and_missing_files_are_problems_not_crashes(tmp_path: Path) -> None:
    (tmp_path / "deep.yml").write_text("[" * 1_000_000, encoding="utf-8")
    [problem] = problems_of(tmp_path)
    assert "嵌套太深" in problem.fault
    assert "没有这个文件" in problems_of(tmp_path / "none.yml")[0].fault


def test_an_empty_folder_is_a_problem(tmp_path: Path) -> None:
    [problem] = problems_of(tmp_path)
    assert "没有话术文件" in problem.fault


def test_the_shipped_catalogue_is_in_order() -> None:
    root = Path(scripts_library.__file__).parent
    shop = load_shop_variables(root / "shop.example.yml")
    catalogue = load_catalogue(root / "catalogue", variables=shop)
    assert len(catalogue) >= 150
    assert any(script.occasion is Occasion.UNCLEAR for script in catalogue)


def test_the_readme_examples_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = Path(scripts_library.__file__).with_name("README.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    file = tmp_path / "example.yml"
    file.write_text(example, encoding="utf-8")
    assert load_catalogue(file).scripts[0].weight == 1.5
    [program] = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    monkeypatch.chdir(Path(scripts_library.__file__).parents[1])
    exec(program, {})
    assert "意图匹配：complain_price (0.93)" in capsys.readouterr().out


def test_the_shipped_json_schema_is_current() -> None:
    file = Path(scripts_library.__file__).with_name("catalogue.schema.json")
    assert json.loads(file.read_text(encoding="utf-8")) == catalogue_json_schema()


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1)
TEXTS = WORDS.map(str.strip).filter(bool).map(lambda text: escape_braces(text[:200]))
TAGS = st.lists(st.from_regex(r"[a-z\u4e00-\u4eff]{1,8}", fullmatch=True), max_size=3, unique=True)
ENTRIES = st.fixed_dictionaries(
    {
        "title": TEXTS.map(lambda text: text[:60].strip() or "题"),
        "parts": st.lists(
            st.one_of(
                st.fixed_dictionaries({"text": TEXTS}),
                st.just({"link": {"title": "题", "url": "https://shop.example/a"}}),
                st.just({"image": "https://shop.example/a.png"}),
            ),
            min_size=1,
            max_size=3,
        ),
    },
    optional={
        "intents": TAGS.filter(bool),
        "stages": TAGS,
        "tags": st.fixed_dictionaries({}, optional={"product": TAGS, "tone": TAGS}),
        "valid": st.sampled_from([{"from": "2026-01-01"}, {"until": "2026-12-31"}, {}]),
        "auto": st.booleans(),
        "weight": st.floats(0.1, 5),
        "note": TEXTS,
    },
)


@st.composite
def libraries(draw: st.DrawFn) -> list[Script]:
    entries = draw(st.lists(ENTRIES, min_size=1, max_size=4, unique_by=lambda e: repr(e["parts"])))
    return [script_from_dict({"id": f"s.{n}", **entry}) for n, entry in enumerate(entries)]


@given(libraries())
@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_yaml_and_json_round_trip(tmp_path: Path, scripts: list[Script]) -> None:
    file = tmp_path / "all.yml"
    file.write_bytes(dump_catalogue(scripts).encode())
    assert list(load_catalogue(file)) == scripts
    for script in scripts:
        stored = json.loads(json.dumps(script.as_dict()))
        assert script_from_dict(stored) == script
        assert script_from_dict({**stored, "version": 7}).fingerprint == script.fingerprint


@given(st.text(alphabet="ab:-[]{}#&*!|>'\"\n\t 好\x00\ufeff", max_size=60))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_loaded_or_explained(tmp_path: Path, content: str) -> None:
    file = tmp_path / "any.yml"
    file.write_text("version: 1\nscripts:\n" + content, encoding="utf-8", newline="")
    for problem in problems_of(file):
        assert problem.fault and problem.mend


def test_a_stored_script_of_wrong_shape_is_refused() -> None:
    with pytest.raises(InvalidScript, match="parts"):
        script_from_dict({"id": "a", "title": "题"})
    with pytest.raises(InvalidScript, match="版本"):
        script_from_dict({"id": "a", "title": "题", "parts": [{"text": "好"}], "version": 0})


def test_shop_variables_are_plain_texts(tmp_path: Path) -> None:
    file = tmp_path / "shop.yml"
    file.write_text("shop_name: 暖屿\nreturn_days: 7\nphone:\n", encoding="utf-8")
    assert load_shop_variables(file) == {"shop_name": "暖屿", "return_days": "7"}
    file.write_text("shop_name: 暖屿\n1a: x\nhours: [1]\n", encoding="utf-8")
    with pytest.raises(CatalogueError) as caught:
        load_shop_variables(file)
    assert [problem.line for problem in caught.value.problems] == [2, 3]


def test_dumped_yaml_is_readable() -> None:
    script = script_from_dict({"id": "a", "title": "题", "parts": [{"text": "第一行\n第二行"}]})
    text = dump_catalogue([script])
    assert re.search(r"text: \|-\n +第一行\n +第二行\n", text)
    assert yaml.safe_load(text)["version"] == 1
