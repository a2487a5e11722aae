"""How the report looks, in light and in dark. No fonts, images or rules from elsewhere."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --ink: #1d2330; --soft: #5a6475; --line: #d9dee7;
  --shade: #f4f6fa; --curve: #2257c5; --dot: #c2410c; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --page: #12151c; --ink: #e6e9f0; --soft: #a3adbf; --line: #323a49; --shade: #1a1f29;
    --curve: #7aa7ff; --dot: #ff9d5c; --bad: #ff8a80; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
p { margin: .5rem 0; max-width: 60rem; }
nav a { margin-right: 1rem; }
a { color: var(--curve); }
.soft, figcaption, caption { color: var(--soft); font-size: .875rem; }
.bad { color: var(--bad); font-weight: 600; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .25rem 0; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th { font-weight: 600; }
thead th { background: var(--shade); }
td small { color: var(--soft); white-space: nowrap; display: block; }
th:first-child, td.text, th.text { text-align: left; overflow-wrap: anywhere; }
th:first-child { min-width: 9rem; }
td.text { min-width: 18rem; }
.charts { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: .5rem 0; max-width: 276px; }
svg { max-width: 100%; height: auto; }
svg text { fill: var(--soft); font-size: 11px; }
svg polyline { fill: none; }
.grid { stroke: var(--line); }
.chance { stroke: var(--soft); stroke-dasharray: 4 4; }
.curve { stroke: var(--curve); stroke-width: 2; }
.bar { stroke: var(--dot); }
.dot { fill: var(--dot); }
details { margin: .75rem 0; }
summary { cursor: pointer; font-weight: 600; }
"""
