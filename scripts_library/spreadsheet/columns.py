"""The columns of the workbook: headers, where each value sits in a script, and hints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

SCRIPT_SHEET = "话术"
OPTION_SHEET = "选项"
SEPARATOR = "、"

MAX_BYTES = 10 * 1024 * 1024
MAX_ROWS = 20_000
MAX_UNPACKED_BYTES = 100 * 1024 * 1024

PART_LABELS = {
    "text": "文字",
    "image": "图片",
    "link": "链接",
    "miniprogram": "小程序",
    "file": "文件",
}


class Column(StrEnum):
    """Header of each column, in the order in which they are written."""

    ID = "编号"
    TITLE = "标题"
    INTENTS = "意图"
    STAGES = "阶段"
    OCCASION = "场合"
    PRODUCT = "商品标签"
    CUSTOMER = "客户标签"
    CHANNEL = "渠道标签"
    TONE = "语气"
    KIND = "内容类型"
    CONTENT = "内容"
    PART_TITLE = "卡片标题"
    PART_DESC = "卡片描述"
    ADDRESS = "网址或页面"
    IMAGE = "封面图"
    APPID = "小程序AppID"
    VARIABLES = "变量说明"
    FROM = "生效日期"
    UNTIL = "失效日期"
    AUTO = "可自动发送"
    WEIGHT = "权重"
    NOTE = "使用提示"


REQUIRED_COLUMNS = (Column.ID, Column.TITLE, Column.CONTENT)


@dataclass(frozen=True, slots=True)
class Appearance:
    width: int
    hint: str


APPEARANCE: dict[Column, Appearance] = {
    Column.ID: Appearance(28, "小写字母、数字和 _ . -，不能重复；留空表示上一条话术的下一段内容"),
    Column.TITLE: Appearance(20, "给导购看的短标题"),
    Column.INTENTS: Appearance(22, "从下拉表选一个；多个用、隔开；留空表示不限"),
    Column.STAGES: Appearance(18, "从下拉表选一个；多个用、隔开；留空表示不限"),
    Column.OCCASION: Appearance(14, "回复客户的话术不用填"),
    Column.PRODUCT: Appearance(14, "多个用、隔开"),
    Column.CUSTOMER: Appearance(14, "多个用、隔开"),
    Column.CHANNEL: Appearance(14, "多个用、隔开"),
    Column.TONE: Appearance(10, "例如 亲切、专业"),
    Column.KIND: Appearance(10, "文字、图片、链接、小程序、文件；留空表示文字"),
    Column.CONTENT: Appearance(
        70, "要发的文字；图片和文件写文件路径；变量写成 {customer_name|亲}"
    ),
    Column.PART_TITLE: Appearance(18, "链接或小程序的标题"),
    Column.PART_DESC: Appearance(18, "链接的描述"),
    Column.ADDRESS: Appearance(24, "链接写 https:// 网址，小程序写 .html 页面"),
    Column.IMAGE: Appearance(18, "链接或小程序的封面，文件路径或网址"),
    Column.APPID: Appearance(16, "wx 开头"),
    Column.VARIABLES: Appearance(24, "每行一个，写成 变量名=说明"),
    Column.FROM: Appearance(12, "第一天，例如 2026-11-01"),
    Column.UNTIL: Appearance(12, "最后一天，例如 2026-11-12"),
    Column.AUTO: Appearance(12, "是 或 否；留空表示否"),
    Column.WEIGHT: Appearance(8, "0.1 到 5，留空表示 1"),
    Column.NOTE: Appearance(30, "给导购看的使用提示，不会发出去"),
}

_FORMULA = re.compile(r"^'*[=+\-@\t\r]")


def escape_formula(text: str) -> str:
    """Text that no spreadsheet program runs as a formula, also after saving it as CSV."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescape_formula(text: str) -> str:
    """What `escape_formula` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
