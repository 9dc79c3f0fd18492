"""One table for people, one JSON document for programs."""

import datetime
import json
import os
import platform


def _figure(value):
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def _mark(result):
    if result.ok is None:
        return ""
    return "ok" if result.ok else "SHORT"


def _cells(result):
    row = result.row
    spread = f"{min(result.ratios):.2f}-{max(result.ratios):.2f}" if len(result.ratios) > 1 else ""
    return [
        row.name,
        row.title,
        _figure(result.value),
        row.unit,
        row.reference or "",
        _figure(result.reference) if row.reference else "",
        f"{result.ratio:.2f}" if result.ratio is not None else "",
        spread,
        row.target.text() if row.target else "",
        _mark(result),
        result.note,
    ]


def table(results):
    head = ["row", "what", "tfunnel", "unit", "reference", "its", "ratio", "min-max", "target", "", "note"]
    lines = [head] + [_cells(result) for result in results]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    right = {2, 5, 6, 7}

    def layout(line):
        cells = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(line, widths))]
        return "  ".join(cells).rstrip()

    ruler = "  ".join("-" * width for width in widths)
    with_target = [result for result in results if result.ok is not None]
    reached = sum(result.ok for result in with_target)
    summary = f"{reached} of {len(with_target)} targets reached"
    return "\n".join([layout(head), ruler] + [layout(line) for line in lines[1:]] + [summary])


def _row_document(result):
    row = result.row
    return {
        "row": row.name,
        "group": result.group,
        "title": row.title,
        "unit": row.unit,
        "tfunnel": result.value,
        "reference": row.reference,
        "reference_value": result.reference,
        "ratio": result.ratio,
        "target": row.target.text() if row.target else None,
        "ok": result.ok,
        "tfunnel_rounds": result.values,
        "reference_rounds": result.references,
        "ratio_rounds": result.ratios,
        "note": result.note,
    }


def document(results, options, version):
    return {
        "tfunnel": version,
        "when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "busy_percent_before": options.busy_percent,
        "repeat": options.repeat,
        "quick": options.quick,
        "rows": [_row_document(result) for result in results],
    }


def write(path, results, options, version):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document(results, options, version), file, indent=1)
        file.write("\n")
