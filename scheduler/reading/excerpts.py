"""The text of each journey by itself, cut out of the files with its comments."""

from __future__ import annotations

from pathlib import Path

from .yaml_marks import MarkedDocument, parse_marked

_HEAD = "version: 1\njourneys:\n"


def excerpts(text: str) -> dict[str, str]:
    """By journey id, a text of its own that reads back to the same journey."""
    document = parse_marked(text)
    data = document.data
    entries = data.get("journeys") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        return {}
    lines = text.splitlines()
    starts = [_start_of(document, lines, index) for index in range(len(entries))]
    ends = [*starts[1:], len(lines)]
    found: dict[str, str] = {}
    for entry, start, end in zip(entries, starts, ends, strict=True):
        if isinstance(entry, dict) and isinstance(entry.get("id"), str):
            head = _remarks(lines) if len(entries) == 1 else ""
            body = "\n".join(lines[start:end]).rstrip()
            found[entry["id"]] = f"{head}{_HEAD}{body}\n"
    return found


def folder_excerpts(place: Path) -> dict[str, tuple[str, str]]:
    """By journey id, the file's name and the journey's own text."""
    files = sorted(place.glob("*.yml")) if place.is_dir() else [place]
    found: dict[str, tuple[str, str]] = {}
    for file in files:
        for journey, text in excerpts(file.read_text(encoding="utf-8-sig")).items():
            found.setdefault(journey, (file.name, text))
    return found


def _start_of(document: MarkedDocument, lines: list[str], index: int) -> int:
    """The first line of an entry, with the comments that stand right above it."""
    start = (document.line_of(("journeys", index)) or 1) - 1
    while start > 0 and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return start


def _remarks(lines: list[str]) -> str:
    """The comments at the head of a file that holds one journey only."""
    head = []
    for line in lines:
        if not line.startswith("#"):
            break
        head.append(line)
    return "".join(f"{line}\n" for line in head)
