from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from xml.etree import ElementTree

import pytest

from intents import metrics
from intents.builtin.engine import BuiltinEngine
from intents.charts import calibration_svg, confusion_svg, coverage_svg
from intents.errors import EvaluationFileError
from intents.evaluation import Report, Verdict, evaluate
from intents.evaluation_report import render_report, write_report
from intents.labelled import Labelled, read_labelled
from intents.taxonomy import OUT_OF_SCOPE, load_taxonomy
from intents.understanding import Ranked, Understanding


def verdict(truth: str, guess: str, sure: float = 0.8, *, refused: bool = False) -> Verdict:
    ranking = (Ranked(guess, sure), Ranked("greet", 0.1), Ranked("thank", 0.05))
    said = OUT_OF_SCOPE if refused else guess
    return Verdict(
        f"{truth} as {guess}",
        truth,
        Understanding("", said, sure, ranking, stranger=1 - sure),
    )


REPORT = Report(
    "builtin",
    (
        verdict("ask_price", "ask_price", 0.95),
        verdict("ask_price", "ask_price", 0.9, refused=True),
        verdict("ask_price", "bargain", 0.6),
        verdict("thank", "praise", 0.4),
        verdict(OUT_OF_SCOPE, "ask_price", 0.2, refused=True),
        verdict(OUT_OF_SCOPE, "bargain", 0.7),
    ),
    (1.0, 2.0, 3.0),
    auto_reply_from=0.9,
)


def test_figures_of_a_small_report() -> None:
    assert REPORT.accuracy == pytest.approx(3 / 6)
    assert REPORT.accuracy_with_refusal == pytest.approx(2 / 6)
    assert REPORT.top3 == pytest.approx(3 / 4)
    assert REPORT.answered == {"strangers": 0.5, "in_scope": 0.75}
    assert REPORT.per_intent["ask_price"] == metrics.IntentScore(1.0, 2 / 3, pytest.approx(0.8), 3)
    assert REPORT.macro_f1 == pytest.approx(0.4)
    assert REPORT.auto_reply == metrics.Cut(0.9, pytest.approx(1 / 6), 1.0)
    assert REPORT.out_of_scope_auroc == pytest.approx(6 / 8)
    assert [(one.truth, one.guess) for one in REPORT.confusions()][:1] == [
        ("ask_price", "bargain")
    ]


def test_the_json_has_the_promised_keys() -> None:
    fields = json.loads(json.dumps(REPORT.as_dict()))
    assert {
        "accuracy",
        "macro_f1",
        "top3",
        "out_of_scope_auroc",
        "latency_ms",
        "per_intent",
        "n",
        "engine",
    } <= set(fields)
    assert fields["latency_ms"]["p50"] == 2.0
    assert fields["n"] == 6


def test_no_strangers_no_auroc() -> None:
    report = Report("builtin", (verdict("thank", "thank"),))
    assert report.out_of_scope_auroc is None
    assert report.as_dict()["answered"]["strangers"] is None


@pytest.mark.parametrize(
    ("inside", "strangers", "expected"),
    [([0.1, 0.2], [0.8, 0.9], 1.0), ([0.8], [0.1], 0.0), ([0.5], [0.5], 0.5), ([], [0.5], None)],
)
def test_auroc(inside: list[float], strangers: list[float], expected: float | None) -> None:
    assert metrics.auroc(inside, strangers) == expected


def test_calibration_error_is_the_gap() -> None:
    bins = metrics.reliability([0.95] * 10, [True] * 5 + [False] * 5)
    assert metrics.calibration_error(bins) == pytest.approx(0.45)
    assert metrics.calibration_error(()) == 0.0


async def test_an_engine_is_measured_with_the_given_timer(engine: BuiltinEngine) -> None:
    ticks = count(0.0, 0.002)
    rows = [Labelled("这个多少钱", "ask_price"), Labelled("太贵了", "complain_price")]
    report = await evaluate(engine, rows, timer=lambda: next(ticks))
    assert report.accuracy == 1.0
    assert report.latencies_ms == (pytest.approx(2.0), pytest.approx(2.0))


@pytest.mark.parametrize(
    ("content", "line", "fault"),
    [
        ('{"text": "好", "intent": "affirm"}\n{"text": \n', 2, "不是合法的 JSON"),
        ('\n{"text": "好"}', 2, "缺少 text 或 intent"),
        ('{"text": 3, "intent": "affirm"}', 1, "缺少 text 或 intent"),
        ("[1]", 1, "缺少 text 或 intent"),
        ('{"text": "好", "intent": "afirm"}', 1, "afirm 不在意图表里"),
        ("\n\n", 0, "一条消息也没有"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, content: str, line: int, fault: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(EvaluationFileError, match=fault) as caught:
        read_labelled(path)
    assert caught.value.line == line


def test_rows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('\ufeff{"text": "你\u2028好", "intent": "out_of_scope"}\r\n\r\n', "utf-8")
    assert read_labelled(path) == (Labelled("你\u2028好", OUT_OF_SCOPE),)


def test_pictures_are_sound_svg() -> None:
    pictures = (
        confusion_svg(REPORT, load_taxonomy()),
        calibration_svg(REPORT.reliability),
        coverage_svg(REPORT.cuts()),
        calibration_svg(()),
    )
    for picture in pictures:
        assert ElementTree.fromstring(picture).tag.endswith("svg")


def test_the_page_escapes_what_customers_wrote(tmp_path: Path) -> None:
    nasty = Verdict("<script>x</script>", "thank", verdict("thank", "praise").understanding)
    page = render_report(Report("builtin", (nasty,)))
    assert "&lt;script&gt;x" in page
    assert "<script>" not in page
    write_report(REPORT, tmp_path / "report.html")
    assert "混淆矩阵" in (tmp_path / "report.html").read_text(encoding="utf-8")
