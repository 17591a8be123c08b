"""A network as a picture: operators from top to bottom, branches side by side, live bytes as bars."""

from __future__ import annotations

from html import escape

from planner.data.graph import Graph
from planner.report.model_report import ModelReport, OperatorSummary
from planner.report.notation import kibibytes

_ROW, _BOX_HEIGHT = 44, 28
_LANE, _BOX_WIDTH = 230, 190
_MARGIN, _BAR_WIDTH, _BAR_TEXT = 24, 220, 90
_COLOURS = {
    **dict.fromkeys(("convolution", "pointwise", "fully_connected"), "#cfe3f7"),
    "depthwise": "#d8f0d2",
    **dict.fromkeys(("add", "concat"), "#fbe6c8"),
    **dict.fromkeys(("average_pool", "maximum_pool", "mean"), "#efd9f2"),
}
_OTHER_COLOUR = "#e8e8e8"
_PEAK_COLOUR, _BAR_COLOUR = "#d9534f", "#9db8cf"


def model_svg(graph: Graph, report: ModelReport) -> str:
    """An SVG document. `report` must be the graph's own."""
    lanes = _lanes(graph)
    bars = _MARGIN + (max(lanes) + 1) * _LANE
    width, height = bars + _BAR_WIDTH + _BAR_TEXT + _MARGIN, 2 * _MARGIN + _ROW * len(graph.operators)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"<title>{escape(report.name)}</title>",
        '<g font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for index, operator in enumerate(graph.operators):
        parts += [_edge(graph.producers[name], index, lanes) for name in operator.inputs if name in graph.producers]
    for index, summary in enumerate(report.operators):
        parts += _box(index, lanes[index], summary)
        parts += _bar(index, bars, summary, report.activation_peak_bytes)
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _lanes(graph: Graph) -> list[int]:
    """A column for each operator: that of a producer if no other operator has continued it, else a free one."""
    lanes: list[int] = []
    ends: dict[int, int] = {}
    """For each lane, the operator that was drawn last in it."""
    for index, operator in enumerate(graph.operators):
        producers = [graph.producers[name] for name in operator.inputs if name in graph.producers]
        continued = [lanes[producer] for producer in producers if ends[lanes[producer]] == producer]
        free = (lane for lane in range(len(ends) + 1) if lane not in ends or not _awaited(graph, ends[lane], index))
        lane = min(continued) if continued else next(free)
        lanes.append(lane)
        ends[lane] = index
    return lanes


def _awaited(graph: Graph, producer: int, index: int) -> bool:
    """Whether an operator at or after `index` reads the output of `producer`."""
    return max(graph.consumers[graph.operators[producer].output], default=-1) >= index


def _centre(index: int, lane: int) -> tuple[int, int]:
    return _MARGIN + lane * _LANE + _BOX_WIDTH // 2, _MARGIN + index * _ROW + _BOX_HEIGHT // 2


def _edge(source: int, target: int, lanes: list[int]) -> str:
    """A line from box to box; a skip past other boxes of its lane runs beside them."""
    (x1, y1), (x2, y2) = _centre(source, lanes[source]), _centre(target, lanes[target])
    if lanes[source] == lanes[target] and lanes[source] in lanes[source + 1 : target]:
        x = x1 + _BOX_WIDTH // 2
        path = f"M{x},{y1} C{x + _LANE - _BOX_WIDTH},{y1} {x + _LANE - _BOX_WIDTH},{y2} {x},{y2}"
    else:
        y1, y2 = y1 + _BOX_HEIGHT // 2, y2 - _BOX_HEIGHT // 2
        path = f"M{x1},{y1} C{x1},{y1 + _ROW // 2} {x2},{y2 - _ROW // 2} {x2},{y2}"
    return f'<path d="{path}" fill="none" stroke="#777"/>'


def _box(index: int, lane: int, summary: OperatorSummary) -> list[str]:
    x, y = _centre(index, lane)
    colour = _COLOURS.get(summary.kernel, _OTHER_COLOUR)
    label = " ".join(part for part in (summary.kernel.replace("_", " "), summary.window) if part)
    shape = "x".join(str(size) for size in summary.output_shape)
    left, top = x - _BOX_WIDTH // 2, y - _BOX_HEIGHT // 2
    return [
        f"<g><title>{escape(summary.name)}: {summary.macs} MACs, {summary.weight_bytes} bytes of weights</title>",
        f'<rect x="{left}" y="{top}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="5" fill="{colour}"/>',
        f'<text x="{x}" y="{y - 1}" text-anchor="middle">{escape(label)}</text>',
        f'<text x="{x}" y="{y + 11}" text-anchor="middle" font-size="10" fill="#555">{shape}</text></g>',
    ]


def _bar(index: int, left: int, summary: OperatorSummary, peak_bytes: int) -> list[str]:
    _, y = _centre(index, 0)
    length = round(_BAR_WIDTH * summary.live_bytes / peak_bytes)
    colour = _PEAK_COLOUR if summary.live_bytes == peak_bytes else _BAR_COLOUR
    return [
        f'<rect x="{left}" y="{y - 8}" width="{length}" height="16" fill="{colour}"/>',
        f'<text x="{left + length + 6}" y="{y + 4}">{kibibytes(summary.live_bytes)} KiB</text>',
    ]
