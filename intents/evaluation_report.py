"""An evaluation as one HTML page that opens anywhere: figures, pictures, worst confusions."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from intents.charts import calibration_svg, confusion_svg, coverage_svg
from intents.evaluation import Report
from intents.metrics import percentile
from intents.taxonomy import Taxonomy, load_taxonomy

_STYLE = """
body{font:14px/1.6 "PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;color:#1f2329;
margin:0 auto;max-width:1120px;padding:24px}
h1{font-size:22px}h2{font-size:17px;margin-top:32px}
table{border-collapse:collapse;width:100%}th,td{border-bottom:1px solid #e7e7e7;padding:6px 8px;
text-align:left;vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.figures{display:flex;flex-wrap:wrap;gap:12px}.figures div{border:1px solid #e7e7e7;
padding:8px 16px;border-radius:6px}.figures b{display:block;font-size:20px}.wide{overflow-x:auto}
.pictures{display:flex;flex-wrap:wrap;gap:16px}
"""


def render_report(report: Report, taxonomy: Taxonomy | None = None) -> str:
    """The whole page; messages and names are escaped."""
    known = taxonomy or load_taxonomy()
    pictures = calibration_svg(report.reliability) + coverage_svg(report.cuts())
    sections = (
        f"<h1>意图识别评测：{escape(report.engine)}</h1>",
        f'<div class="figures">{"".join(_figures(report))}</div>',
        f'<h2>置信度可信吗</h2><div class="pictures">{pictures}</div>',
        f"<h2>各阈值</h2>{_cut_table(report)}",
        f"<h2>最常混淆</h2>{_confusion_table(report, known)}",
        f"<h2>各意图</h2>{_intent_table(report, known)}",
        f'<h2>混淆矩阵</h2><div class="wide">{confusion_svg(report, known)}</div>',
    )
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        f"<title>意图识别评测</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(sections)}</body></html>"
    )


def write_report(report: Report, path: Path, taxonomy: Taxonomy | None = None) -> None:
    """Save the page."""
    path.write_text(render_report(report, taxonomy), encoding="utf-8")


def _figures(report: Report) -> Iterator[str]:
    auroc, answered, auto = report.out_of_scope_auroc, report.answered, report.auto_reply
    figures: list[tuple[str, str]] = [
        ("消息数", str(len(report.verdicts))),
        ("正确率", _percent(report.accuracy)),
        ("正确率（算上拒答）", _percent(report.accuracy_with_refusal)),
        ("前三命中", _percent(report.top3)),
        ("宏平均 F1", _percent(report.macro_f1)),
        ("校准误差", f"{report.ece:.3f}"),
        ("范围外 AUROC", "—" if auroc is None else f"{auroc:.3f}"),
        ("范围外仍作答", _percent(answered["strangers"])),
        ("范围内作答", _percent(answered["in_scope"])),
        (f"自动回复（≥{auto.threshold:.2f}）准确率", _percent(auto.precision)),
        ("自动回复覆盖率", _percent(auto.coverage)),
    ]
    if report.latencies_ms:
        halves = (percentile(report.latencies_ms, share) for share in (50, 99))
        figures.append(("耗时 p50 / p99", " / ".join(f"{one:.2f} ms" for one in halves)))
    for name, value in figures:
        yield f"<div>{escape(name)}<b>{value}</b></div>"


def _cut_table(report: Report) -> str:
    rows = (
        f'<tr><td class="n">{cut.threshold:.2f}</td><td class="n">{_percent(cut.coverage)}</td>'
        f'<td class="n">{_percent(cut.precision)}</td></tr>'
        for cut in report.cuts()
    )
    head = '<th class="n">阈值</th><th class="n">覆盖率</th><th class="n">准确率</th>'
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _confusion_table(report: Report, taxonomy: Taxonomy) -> str:
    rows = (
        f"<tr><td>{escape(taxonomy.label(one.truth))}</td>"
        f"<td>{escape(taxonomy.label(one.guess))}</td>"
        f"<td>{'<br>'.join(escape(text) for text in one.texts)}</td></tr>"
        for one in report.confusions()
    )
    return f"<table><tr><th>应是</th><th>判成</th><th>消息</th></tr>{''.join(rows)}</table>"


def _intent_table(report: Report, taxonomy: Taxonomy) -> str:
    scores = report.per_intent
    rows = (
        f"<tr><td>{escape(taxonomy.label(name))}</td><td>{escape(name)}</td>"
        f'<td class="n">{scores[name].support}</td>'
        f'<td class="n">{_percent(scores[name].precision)}</td>'
        f'<td class="n">{_percent(scores[name].recall)}</td>'
        f'<td class="n">{_percent(scores[name].f1)}</td></tr>'
        for name in sorted(scores, key=lambda one: (scores[one].f1, one))
    )
    head = "<th>意图</th><th></th>" + "".join(
        f'<th class="n">{title}</th>' for title in ("条数", "精确率", "召回率", "F1")
    )
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share * 100:.1f}%"
