"""What tests of ``adjudge doctor`` ask of a finding, and a folder that it cannot look at."""

import pathlib

from scripts.doctor_finding import Finding


def is_problem(finding: Finding, *parts: str) -> None:
    _is("problem", finding, parts)


def is_warning(finding: Finding, *parts: str) -> None:
    _is("warning", finding, parts)


def is_ok(finding: Finding, *parts: str) -> None:
    _is("ok", finding, parts)


def _is(state: str, finding: Finding, parts: tuple[str, ...]) -> None:
    assert finding.state == state, finding
    assert all(part in finding.text + " -> " + finding.fix for part in parts), finding
    assert bool(finding.fix) == (state != "ok"), finding


def too_long(folder: pathlib.Path) -> pathlib.Path:
    """A folder that nobody can look at: unlike rights, a name that no file system takes stops everybody."""
    return folder / ("x" * 300)
