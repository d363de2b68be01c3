"""The pictures of an evaluation as plain SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from intents.evaluation import Report
from intents.metrics import Bin, Cut
from intents.taxonomy import OUT_OF_SCOPE, Taxonomy

_CELL, _LABEL_ROOM = 14, 116
_WIDTH, _HEIGHT, _MARGIN = 460, 300, 44
_INK, _GRID, _BLUE, _ORANGE = "#1f2329", "#dcdfe6", "#0052d9", "#e37318"


def confusion_svg(report: Report, taxonomy: Taxonomy) -> str:
    """Rows are the true intents, columns the guesses; darker is more of the row."""
    matrix = report.matrix()
    present = {name for pair in matrix for name in pair}
    names = [name for name in (*taxonomy.names, OUT_OF_SCOPE) if name in present]
    side = _LABEL_ROOM + _CELL * len(names) + 8
    body = [*_axis_labels(names, taxonomy), *_grid(names)]
    place = {name: i for i, name in enumerate(names)}
    totals: dict[str, int] = {}
    for (truth, _), count in matrix.items():
        totals[truth] = totals.get(truth, 0) + count
    for (truth, guess), count in sorted(matrix.items()):
        share = count / totals[truth]
        x, y = (_LABEL_ROOM + _CELL * place[name] for name in (guess, truth))
        color = _BLUE if truth == guess else _ORANGE
        title = f"{taxonomy.label(truth)} → {taxonomy.label(guess)}：{count}"
        body.append(
            f'<rect x="{x}" y="{y}" width="{_CELL}" height="{_CELL}" fill="{color}" '
            f'fill-opacity="{0.15 + 0.85 * share:.2f}"><title>{escape(title)}</title></rect>'
        )
    return _svg(side, side, body, "混淆矩阵：行是真实意图，列是判断")


def calibration_svg(bins: Sequence[Bin]) -> str:
    """Confidence against accuracy; the diagonal is perfect, dots grow with the messages."""
    most = max((one.count for one in bins), default=1)
    points = [(one.confidence, one.accuracy) for one in bins]
    body = [*_frame("置信度", "实际正确率"), _line([(0, 0), (1, 1)], _GRID), _line(points, _BLUE)]
    for one in bins:
        x, y = _at(one.confidence, one.accuracy)
        radius = 3 + 7 * (one.count / most) ** 0.5
        title = f"置信度 {one.confidence:.2f}，正确率 {one.accuracy:.2f}，{one.count} 条"
        body.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{_BLUE}" '
            f'fill-opacity="0.7"><title>{escape(title)}</title></circle>'
        )
    return _svg(_WIDTH, _HEIGHT, body, "校准曲线")


def coverage_svg(cuts: Sequence[Cut]) -> str:
    """Coverage and precision by threshold."""
    coverage = [(cut.threshold, cut.coverage) for cut in cuts]
    precision = [(cut.threshold, cut.precision) for cut in cuts]
    legend = (
        f'<text x="{_WIDTH - 150}" y="18" fill="{_BLUE}">准确率</text>'
        f'<text x="{_WIDTH - 90}" y="18" fill="{_ORANGE}">覆盖率</text>'
    )
    lines = (_line(precision, _BLUE), _line(coverage, _ORANGE))
    return _svg(_WIDTH, _HEIGHT, [*_frame("阈值", ""), *lines, legend], "各阈值的覆盖率与准确率")


def _axis_labels(names: Sequence[str], taxonomy: Taxonomy) -> Iterator[str]:
    for i, name in enumerate(names):
        label, middle = escape(taxonomy.label(name)), _LABEL_ROOM + _CELL * i + _CELL - 3
        yield f'<text x="{_LABEL_ROOM - 4}" y="{middle}" text-anchor="end">{label}</text>'
        yield (
            f'<text transform="translate({middle},{_LABEL_ROOM - 4}) rotate(-90)">{label}</text>'
        )


def _grid(names: Sequence[str]) -> Iterator[str]:
    end = _LABEL_ROOM + _CELL * len(names)
    for i in range(len(names) + 1):
        at = _LABEL_ROOM + _CELL * i
        yield f'<path d="M{_LABEL_ROOM} {at}H{end}M{at} {_LABEL_ROOM}V{end}" stroke="{_GRID}"/>'


def _frame(x_title: str, y_title: str) -> Iterator[str]:
    for step in range(0, 11, 2):
        share = step / 10
        x, y = _at(share, share)
        yield f'<path d="M{_MARGIN} {y:.1f}H{_WIDTH - 16}" stroke="{_GRID}"/>'
        yield f'<text x="{_MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.1f}</text>'
        below = _HEIGHT - _MARGIN + 16
        yield f'<text x="{x:.1f}" y="{below}" text-anchor="middle">{share:.1f}</text>'
    yield f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 8}" text-anchor="middle">{x_title}</text>'
    yield f'<text x="8" y="18">{y_title}</text>'


def _at(x: float, y: float) -> tuple[float, float]:
    width, height = _WIDTH - _MARGIN - 16, _HEIGHT - 2 * _MARGIN
    return _MARGIN + x * width, _HEIGHT - _MARGIN - y * height


def _line(points: Sequence[tuple[float, float]], color: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (_at(*point) for point in points))
    return f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>'


def _svg(width: int, height: int, body: Sequence[str], title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" font-size="11" fill="{_INK}" '
        f'font-family="PingFang SC, Microsoft YaHei, Noto Sans CJK SC, sans-serif">'
        f"<title>{escape(title)}</title>{''.join(body)}</svg>"
    )
