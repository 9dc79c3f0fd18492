"""Rows, samples and rounds: what is measured, in which order, and how it becomes one figure.

A group has samples (named measurements) and rows (how two samples' figures compare). Each round
takes every needed sample once, in turn forwards and backwards, so that what is compared was
measured side by side; a ratio is the median of the rounds' ratios.
"""

import dataclasses
import fnmatch
import statistics
import subprocess
import sys
import time
import typing

import isolation


@dataclasses.dataclass(frozen=True)
class Target:
    at_least: bool
    bound: float
    of_ratio: bool = False  # else of the value itself

    def text(self):
        return f"{'>=' if self.at_least else '<='} {self.bound:g}{' x' if self.of_ratio else ''}"

    def met(self, value, ratio):
        figure = ratio if self.of_ratio else value
        if figure is None:
            return False
        return figure >= self.bound if self.at_least else figure <= self.bound


def at_least(bound):
    return Target(True, bound)


def at_most(bound):
    return Target(False, bound)


def ratio_at_least(bound):
    return Target(True, bound, True)


def ratio_at_most(bound):
    return Target(False, bound, True)


@dataclasses.dataclass(frozen=True)
class Row:
    """`subject` and `reference` name samples of the same group, `metric` one of their figures."""

    name: str
    title: str
    unit: str
    subject: str
    metric: str
    reference: typing.Optional[str] = None
    reference_metric: typing.Optional[str] = None
    target: typing.Optional[Target] = None
    must_be_zero: typing.Optional[str] = None  # a figure of the subject, such as "failed"


@dataclasses.dataclass(frozen=True)
class Group:
    name: str
    setup: typing.Callable  # setup(options) -> a context manager
    samples: dict  # name -> function(what setup gave) -> dictionary of figures
    rows: list


@dataclasses.dataclass
class Result:
    row: Row
    group: str
    value: typing.Optional[float] = None
    reference: typing.Optional[float] = None
    ratio: typing.Optional[float] = None
    ratios: list = dataclasses.field(default_factory=list)
    values: list = dataclasses.field(default_factory=list)
    references: list = dataclasses.field(default_factory=list)
    ok: typing.Optional[bool] = None  # None: no target
    note: str = ""


def log(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def chosen_rows(group, wanted):
    """Rows named by --only: exact names, patterns, or the group's name."""
    if not wanted:
        return list(group.rows)
    return [
        row
        for row in group.rows
        if any(fnmatch.fnmatch(row.name, name) or name == group.name for name in wanted)
    ]


def _median(values):
    return statistics.median(values) if values else None


def _take(name, function, lab):
    """One sample; a failure is told and leaves a gap."""
    started = time.monotonic()
    try:
        figures = function(lab)
    except (AssertionError, OSError, RuntimeError, ValueError, KeyError, subprocess.SubprocessError) as problem:
        log(f"  {name}: FAILED: {problem}")
        return {"problem": str(problem).strip().splitlines()[-1][:200] if str(problem).strip() else repr(problem)}
    shown = ", ".join(f"{key} {value:.4g}" for key, value in figures.items() if isinstance(value, (int, float)))
    log(f"  {name}: {shown} ({time.monotonic() - started:.1f} s)")
    return figures


def run_group(group, rows, options):
    needed = {row.subject for row in rows} | {row.reference for row in rows if row.reference}
    order = [name for name in group.samples if name in needed]
    taken = []
    with group.setup(options) as lab:
        for number in range(options.repeat):
            log(f"{group.name}: round {number + 1} of {options.repeat}")
            names = order if number % 2 == 0 else order[::-1]
            taken.append({name: _take(name, group.samples[name], lab) for name in names})
    return [_evaluate(row, group.name, taken) for row in rows]


def _evaluate(row, group, taken):
    result = Result(row, group)
    problems = []
    bad = 0
    for one in taken:
        value = one[row.subject].get(row.metric)
        reference = one[row.reference].get(row.reference_metric or row.metric) if row.reference else None
        problems += [one[name]["problem"] for name in (row.subject, row.reference) if name and "problem" in one[name]]
        if row.must_be_zero:
            bad += one[row.subject].get(row.must_be_zero) or 0
        if value is not None:
            result.values.append(value)
        if reference is not None:
            result.references.append(reference)
        if value is not None and reference:
            result.ratios.append(value / reference)
    result.value = _median(result.values)
    result.reference = _median(result.references)
    result.ratio = _median(result.ratios)
    complete = len(result.values) == len(taken)
    if row.target:
        result.ok = complete and not bad and row.target.met(result.value, result.ratio)
    notes = [f"{row.must_be_zero}: {bad:g}"] if bad else []
    result.note = "; ".join(notes + sorted(set(problems))[:1])
    return result


def failing_group(group, rows, problem):
    log(f"{group.name}: FAILED: {problem}")
    note = str(problem).strip().splitlines()[-1][:200] if str(problem).strip() else repr(problem)
    return [Result(row, group.name, ok=False if row.target else None, note=note) for row in rows]


def run(groups, options):
    results = []
    for group in groups:
        rows = chosen_rows(group, options.only)
        if not rows:
            continue
        try:
            results += run_group(group, rows, options)
        except (isolation.LabError, AssertionError, OSError, subprocess.SubprocessError) as problem:
            results += failing_group(group, rows, problem)
    return results
