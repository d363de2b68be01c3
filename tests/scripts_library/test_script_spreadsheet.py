from __future__ import annotations

import io
import zipfile
from datetime import date
from typing import Any

import pytest
import python_calamine
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts_library import Script, SpreadsheetError, escape_braces, script_from_dict
from scripts_library.spreadsheet import read_spreadsheet, write_spreadsheet

INTENTS = {"complain_price": "嫌贵", "ask_size": "问尺码"}
STAGES = {"objection": "异议处理", "closing": "促单"}
HEADERS = [
    "编号",
    "标题",
    "意图",
    "阶段",
    "内容类型",
    "内容",
    "网址或页面",
    "卡片标题",
    "失效日期",
    "可自动发送",
    "权重",
]


def workbook(*rows: list[Any], headers: list[str] = HEADERS, sheet: str = "话术") -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        page = book.add_worksheet(sheet)
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for number, row in enumerate([headers, *rows]):
            for column, cell in enumerate(row):
                if isinstance(cell, date):
                    page.write_datetime(number, column, cell, day)
                else:
                    page.write(number, column, cell)
    return buffer.getvalue()


def read(content: bytes) -> tuple[Script, ...]:
    return read_spreadsheet(
        content, intents=INTENTS, stages=STAGES, intent_labels=INTENTS, stage_labels=STAGES
    )


def full_script() -> Script:
    return script_from_dict(
        {
            "id": "price.value",
            "title": "=嫌贵",
            "intents": ["complain_price", "ask_size"],
            "stages": ["objection"],
            "tags": {
                "product": ["羽绒服"],
                "customer": ["老客"],
                "channel": ["门店"],
                "tone": ["专业"],
            },
            "parts": [
                {"text": "{customer_name|亲}\n第二行 _x0041_"},
                {"image": "assets/a.png"},
                {"link": {"title": "题", "desc": "述", "url": "https://x.cn", "image": "a.png"}},
                {"miniprogram": {"appid": "wx1", "title": "店", "page": "a.html"}},
                {"file": "assets/a.pdf"},
            ],
            "variables": {"fabric": "产品面料"},
            "valid": {"from": "2026-11-01", "until": "2026-11-12"},
            "auto": True,
            "weight": 1.5,
            "note": "@老客用",
        }
    )


def test_everything_survives_the_round_trip() -> None:
    scripts = (
        full_script(),
        script_from_dict({"id": "b", "title": "题", "parts": [{"text": "2"}]}),
    )
    labelled = write_spreadsheet(scripts, intent_labels=INTENTS, stage_labels=STAGES)
    assert read(labelled) == scripts
    assert read(write_spreadsheet(scripts)) == scripts


TEXTS = (
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=80)
    .map(str.strip)
    .filter(bool)
    .map(escape_braces)
)


@given(st.lists(TEXTS, min_size=1, max_size=4, unique=True), st.sampled_from("=+-@'"))
@settings(deadline=None, max_examples=50)
def test_any_text_survives_the_round_trip(texts: list[str], sign: str) -> None:
    scripts = tuple(
        script_from_dict({"id": f"s{n}", "title": "题", "parts": [{"text": sign + text}]})
        for n, text in enumerate(texts)
    )
    assert read_spreadsheet(write_spreadsheet(scripts)) == scripts


def test_no_cell_looks_like_a_formula_and_lists_are_offered() -> None:
    content = write_spreadsheet([full_script()], intent_labels=INTENTS, stage_labels=STAGES)
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
    cells = [str(cell) for row in book.get_sheet_by_name("话术").to_python() for cell in row]
    assert "'=嫌贵" in cells and "'@老客用" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert book.get_sheet_by_name("选项").to_python()[1][0] == "嫌贵"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        page = archive.read("xl/worksheets/sheet1.xml").decode()
    assert page.count("<dataValidation ") == 5 and "<f>" not in page


def test_labels_numbers_dates_and_further_parts_are_understood() -> None:
    [script] = read(
        workbook(
            ["a", "题", "嫌贵、ask_size", "促单", "", 88, "", "", date(2026, 11, 12), "是", 2],
            ["", "", "", "", "链接", "", "https://x.cn", "看这里"],
        )
    )
    assert script.intents == ("complain_price", "ask_size")
    assert [part.as_dict() for part in script.parts] == [
        {"text": "88"},
        {"link": {"title": "看这里", "url": "https://x.cn"}},
    ]
    assert (script.valid.last, script.auto, script.weight) == (date(2026, 11, 12), True, 2.0)


@pytest.mark.parametrize(
    ("cells", "column", "fault", "mend"),
    [
        ({"编号": "价格"}, "编号", "写法不对", "小写字母"),
        ({"编号": ""}, "编号", "空", "填上"),
        ({"标题": ""}, "标题", "空", "填上"),
        ({"意图": "嫌贵了"}, "意图", "嫌贵了", "「嫌贵」"),
        ({"阶段": "closng"}, "阶段", "closng", "closing"),
        ({"内容类型": "视频"}, "内容类型", "视频", "文字"),
        ({"内容": "{x"}, "内容", "没有配对", "补上"),
        ({"内容": ""}, "内容", "空", "填上"),
        ({"失效日期": "明天"}, "失效日期", "日期看不懂", "2026-11-01"),
        ({"可自动发送": "好"}, "可自动发送", "好", "是 或 否"),
        ({"权重": "大"}, "权重", "不是数", "0.1"),
        ({"权重": 9}, "权重", "0.1 到 5", "2"),
    ],
)
def test_each_fault_names_sheet_row_column_and_mend(
    cells: dict[str, Any], column: str, fault: str, mend: str
) -> None:
    good = {"编号": "b", "标题": "题", "内容": "好的"}
    row = [{**good, **cells}.get(header, "") for header in HEADERS]
    with pytest.raises(SpreadsheetError) as caught:
        read(workbook(["a", "题", "", "", "", "第一条"], row))
    [problem] = caught.value.problems
    assert (problem.sheet, problem.row, problem.column) == ("话术", 3, column)
    assert fault in problem.fault and mend in problem.mend, problem


def test_repeated_ids_and_texts_name_both_rows() -> None:
    with pytest.raises(SpreadsheetError) as caught:
        read(
            workbook(
                ["a", "题", "", "", "", "甲"],
                ["a", "题", "", "", "", "乙"],
                ["c", "题", "", "", "", "甲"],
            )
        )
    assert [(p.row, "第 2 行" in p.fault) for p in caught.value.problems] == [(3, True), (4, True)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "不是 .xlsx"),
        (b"\xd0\xcf\x11\xe0 old excel", "不是 .xlsx"),
        (b"x" * (10 * 1024 * 1024 + 1), "超过 10 MB"),
        (workbook(headers=["编号", "标题"]), "缺少「内容」列"),
        (workbook(headers=["编号", "标题", "内容", "意向"]), "不认识的列「意向」"),
        (workbook(headers=["编号", "标题", "内容", "内容"]), "出现了两次"),
        (workbook(headers=[]), "空的"),
    ],
)
def test_unusable_files_are_explained(content: bytes, words: str) -> None:
    with pytest.raises(SpreadsheetError, match=words):
        read(content)


def test_broken_and_exploding_archives_are_refused() -> None:
    for name, payload in (("xl/none.xml", b"<x/>"), ("xl/big.xml", b"0" * (101 * 1024 * 1024))):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, payload)
        with pytest.raises(SpreadsheetError, match=r"打不开|解压后太大"):
            read(buffer.getvalue())


def test_too_many_rows_are_refused() -> None:
    content = workbook(*(["a", "题", "", "", "", "好"] for _ in range(20_002)))
    with pytest.raises(SpreadsheetError, match="超过 20000 行"):
        read(content)
