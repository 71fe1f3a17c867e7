"""A report as one HTML file: no script, no request to anywhere, to be read on paper, on a phone and in the dark."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import datetime, tzinfo
from html import escape

from matplotlib.figure import Figure

from edge.languages.words import Words
from edge.reporting.days_chart import days
from edge.reporting.lesson_chart import BASES, lesson
from edge.reporting.map_data import MapData, maps_of
from edge.reporting.map_table import STYLE as MAP_STYLE
from edge.reporting.map_table import map_sections
from edge.reporting.palette import DARK, LIGHT
from edge.reporting.report_data import ReportData
from edge.reporting.school_sentences import differences
from edge.reporting.scope import FOOTER, NOT_MEASURED, Scope, scope_of
from edge.reporting.wording import (
    emotions,
    emotions_head,
    figures,
    made,
    notes,
    outages,
    outages_head,
    period_text,
    story,
)

STYLE = """
* { box-sizing: border-box; }
html { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; background: var(--page);
  color: var(--text); }
body { margin: 0 auto; padding: clamp(1rem, 4vw, 2.5rem); max-width: 68rem; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 .2rem; }
p { margin: .3rem 0; }
.soft, footer, dt { color: var(--soft); }
.story p { font-size: 1.15rem; }
.story .soft { font-size: 1rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem 1.2rem;
  margin-top: 1.2rem; break-inside: avoid; }
dl { display: grid; grid-template-columns: repeat(4, 1fr); gap: .8rem; margin: 1.2rem 0 0; }
dl div { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: .6rem .9rem; }
dt { font-size: .85rem; }
dd { margin: 0; font-size: 1.3rem; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
/* A shadow at an edge behind which there is more: it stays there, and what covers it moves along. */
.wide { overflow-x: auto; background: linear-gradient(to right, var(--card) 50%, transparent) left / 2.5rem 100% local,
  linear-gradient(to left, var(--card) 50%, transparent) right / 2.5rem 100% local,
  linear-gradient(to right, var(--gap-line), transparent) left / .9rem 100% scroll,
  linear-gradient(to left, var(--gap-line), transparent) right / .9rem 100% scroll; background-repeat: no-repeat; }
.wide:focus-visible { outline: 3px solid var(--faces); outline-offset: 2px; }
.wide svg { display: block; width: 100%; min-width: 44rem; height: auto; }
.wide svg text { font-family: inherit; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid var(--grid); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; font-size: .85rem; }
th:first-child, td:first-child, .left td, .left th { text-align: left; }
td:last-child { white-space: normal; }
.left td:last-child { min-width: 11rem; }
tbody th { color: var(--text); font-size: 1rem; }
ul { margin: .4rem 0; padding-left: 1.2rem; }
footer { margin-top: 1.5rem; font-size: .9rem; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr 1fr; } dd { font-size: 1.1rem; }
  section { padding: .8rem; } .wide svg { min-width: 36rem; }
  th, td { padding: .3rem; white-space: normal; } .left td:last-child { min-width: 7rem; } }
@page wide { size: A4 landscape; margin: 8mm; }
@media print { html { font-size: 13px; } body { max-width: none; padding: 0; } section { margin-top: .8rem; }
  /* The chart is on the first page. */
  dl { grid-template-columns: repeat(5, 1fr); gap: .4rem; margin-top: .8rem; } dl div { padding: .3rem .6rem; }
  dd { font-size: 1rem; } .wide { overflow: visible; background: none; }
  .wide svg { min-width: 0; } section, dl div { border-color: #bbb; }
  /* No column is beyond the edge of the paper: a term of 13 weeks fits across A4, a year along it. */
  td, thead th { white-space: normal; }
  table:has(thead th:nth-child(8)) :is(td, th) { padding: .1rem .15rem; font-size: 7pt; }
  table:has(thead th:nth-child(8)) small { font-size: 6pt; }
  table:has(thead th:nth-child(16)) :is(td, th, small) { padding: .1rem; font-size: 5pt; }
  section:has(thead th:nth-child(16)) { page: wide; padding-inline: .3rem; } }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(report: ReportData, now: datetime, words: Words, data: MapData | None = None) -> str:
    """The whole page of a device.

    Args:
        report: What it shows.
        now: When it is made.
        words: Its language.
        data: What heat maps show; None: there are none.
    """
    period = period_text(report.period, words)
    scope = scope_of([report.totals])
    none = words.translate("No emotions were named.") if scope is Scope.EXPRESSIONS else ""
    shares = words.say(BASES[report.basis]) if report.basis else none
    parts = [head(report.device, period)]
    maps = maps_of(data) if data else []
    if told := differences(data, maps, words) if data else story(report):
        parts.append(said([words.say(each) for each in told], scope, words))
    cards = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in figures(report, words))
    parts.append(f"<dl>{cards}</dl>")
    if report.period.single:
        title = words.translate("Over time")
        parts.append(_picture(title, "" if report.basis else shares, lesson(report, words), "time", words))
    elif report.basis:
        parts.append(_picture(words.translate("Day by day"), shares, days(report, words), "days", words))
    if data:
        parts.append(map_sections(data, maps, words))
    if rows := emotions(report, words):
        parts.append(table(words.translate("The whole period"), emotions_head(words), rows, ""))
    if rows := outages(report, words):
        parts.append(table(words.translate("Times without some or all figures"), outages_head(words), rows, "left"))
    parts.append(points(notes(report, words), words))
    return document(f"{report.device}, {period}", parts, report.period.zone, now, scope, words)


def head(name: str, period: str) -> str:
    """The name of what is shown, and when."""
    return f"<header><h1>{escape(name)}</h1><p class='soft'>{escape(period)}</p></header>"


def said(sentences: Sequence[str], scope: Scope, words: Words) -> str:
    """What is said first, and what was not measured."""
    told = "".join(f"<p>{escape(each)}</p>" for each in sentences)
    return f"<section class='story'>{told}<p class='soft'>{escape(words.say(NOT_MEASURED[scope]))}</p></section>"


def points(texts: Sequence[str], words: Words) -> str:
    """What limits the worth of the figures; empty without any."""
    found = "".join(f"<li>{escape(text)}</li>" for text in texts)
    title = escape(words.translate("How to read it"))
    return f"<section><h2>{title}</h2><ul>{found}</ul></section>" if found else ""


def document(title: str, parts: Sequence[str], zone: tzinfo, now: datetime, scope: Scope, words: Words) -> str:
    """A page of these parts, with its foot."""
    foot = f"<footer><p>{escape(words.say(FOOTER[scope]))}</p><p>{escape(made(zone, now, words))}</p></footer>"
    return (
        f'<!doctype html>\n<html lang="{words.language}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><title>{escape(title)}</title><style>{_variables()}{STYLE}{MAP_STYLE}</style></head>\n'
        f"<body><main>{''.join(parts)}{foot}</main></body></html>\n"
    )


def _variables() -> str:
    light = "".join(f"--{name}: {colour}; " for name, colour in LIGHT.items())
    dark = "".join(f"--{name}: {colour}; " for name, colour in DARK.items())
    return (
        f":root {{ color-scheme: light; --page: #f3f6f8; {light}}}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ color-scheme: dark; --page: #0f171d; {dark}}} }}"
    )


def _picture(title: str, text: str, figure: Figure, name: str, words: Words) -> str:
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = drawn.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    for variable, colour in LIGHT.items():
        svg = svg.replace(colour, f"var(--{variable})")
    # The names of shapes must be the page's own: two pictures may use the same ones.
    svg = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    label = escape(words.translate("{title}: the tables below say the same in figures", title=title), quote=True)
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    below = f'<p class="soft">{escape(text)}</p>' if text else ""
    return (
        f"<section><h2>{escape(title)}</h2>{below}"
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(title, quote=True)}">'
        f"{svg}</div></section>"
    )


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], style: str) -> str:
    """A table with its title."""
    first = "".join(f'<th scope="col">{escape(each)}</th>' for each in head)
    lines = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    return (
        f'<section><h2>{escape(title)}</h2><div class="wide" tabindex="0" role="region" '
        f'aria-label="{escape(title, quote=True)}"><table class="{style}"><thead><tr>{first}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div></section>"
    )
