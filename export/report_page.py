"""Sections of text and tables, as one HTML page without anything from outside, and as Markdown."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from io import BytesIO

import numpy as np
from PIL import Image

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
td.n { text-align: right; } .bar { display: inline-block; height: .6em; background: #2a7; margin-left: .5em; }
figure { margin: 1rem 0; overflow-x: auto; } img { max-width: 100%; } .wide { overflow-x: auto; }
"""
_BAR_EM = 8.0  # of the longest bar


@dataclass(frozen=True)
class Table:
    """A table; every row is as long as the head."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Section:
    """A heading, tables, and a sentence about them."""

    title: str
    tables: Sequence[Table] = field(default_factory=tuple)
    note: str = ""


def as_strip(pictures: Sequence[np.ndarray]) -> str:
    """Pictures uint8 [H, W, 3 or 4] of one height side by side, as a data URL."""
    stream = BytesIO()
    Image.fromarray(np.concatenate([p[..., :3] for p in pictures], 1)).save(stream, "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def as_html(
    title: str, sections: Sequence[Section], sheet: Sequence[tuple[str, str]], heading: str = "Contact sheet"
) -> str:
    """One self-contained page. sheet: captions and pictures (data URLs, or nothing), under that heading."""
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">',
        f"<style>{STYLE}</style><h1>{escape(title)}</h1>",
    ]
    for section in sections:
        parts.append(f"<h2>{escape(section.title)}</h2>")
        parts += [_html_table(table) for table in section.tables]
        parts.append(f"<p>{escape(section.note)}</p>" if section.note else "")
    parts.append(f"<h2>{escape(heading)}</h2>")
    for caption, picture in sheet:
        image = f'<img src="{picture}" alt="{escape(caption)}">' if picture else ""
        parts.append(f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>")
    return "\n".join(part for part in parts if part) + "</html>\n"


def as_markdown(title: str, sections: Sequence[Section]) -> str:
    """The same without pictures, for a model card."""
    lines = [f"# {title}", ""]
    for section in sections:
        lines += [f"## {section.title}", ""]
        for table in section.tables:
            lines.append(f"| {' | '.join(table.head)} |")
            lines.append(f"| {' | '.join('---' if i == 0 else '---:' for i in range(len(table.head)))} |")
            lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in table.rows]
            lines.append("")
        lines += [section.note, ""] if section.note else []
    return "\n".join(lines)


def _html_table(table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.head)
    largest = [max((_number(row[i]) or 0.0 for row in table.rows), default=0.0) for i in range(len(table.head))]
    body = "".join(
        "<tr>" + "".join(_cell(cell, largest[i], table.head[i]) for i, cell in enumerate(row)) + "</tr>"
        for row in table.rows
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _cell(cell: str, largest: float, head: str) -> str:
    """Numbers to the right; shares of time and milliseconds with a bar, which is plot enough for a column."""
    number = _number(cell)
    if number is None:
        return f"<td>{escape(cell)}</td>"
    plotted = largest > 0 and any(
        word in head for word in ("thread", "ms", "share", "MB", "GMAC", "whole", "mouth", "eyes")
    )
    bar = f'<span class="bar" style="width:{_BAR_EM * number / largest:.2f}em"></span>' if plotted else ""
    return f'<td class="n">{escape(cell)}{bar}</td>'


def _number(cell: str) -> float | None:
    try:
        return float(cell.removesuffix(" %"))
    except ValueError:
        return None
