"""How the page of a report looks, in light and in dark, on a desk and on a phone."""

STYLE = """\
:root {
  color-scheme: light dark;
  --font: system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  --paper: #ffffff; --card: #f6f7f9; --ink: #2b2f36; --soft: #5d6470; --axis: #8b919b; --grid: #e2e5ea;
  --best: #dcefe4; --lost: 213, 94, 0;
  --row0: #0072b2; --row1: #d55e00; --row2: #009e73; --row3: #b8558f; --row4: #c98300; --row5: #3f9fd8;
  --row6: #000000;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181d; --card: #1e2229; --ink: #e4e7ec; --soft: #a4abb8; --axis: #737b89; --grid: #333944;
    --best: #1d4632; --lost: 240, 130, 50;
    --row0: #4ea8e0; --row1: #f2853b; --row2: #34c79b; --row3: #e08cbc; --row4: #f0b740; --row5: #8fd0f5;
    --row6: #f2f2f2;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 var(--font); }
main { max-width: 1180px; margin: 0 auto; padding: 24px 20px 64px; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 8px; }
h2 { font-size: 1.25rem; margin: 44px 0 6px; padding-top: 14px; border-top: 1px solid var(--grid); }
h3 { font-size: 1rem; margin: 22px 0 6px; }
p { max-width: 75ch; margin: 6px 0 12px; }
p, li, figcaption { color: var(--soft); overflow-wrap: anywhere; }
strong { color: var(--ink); }
code { font-size: 0.92em; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; width: 100%; }
th { text-align: right; font-weight: 600; color: var(--soft); vertical-align: bottom; }
th, td { padding: 6px 8px; border-bottom: 1px solid var(--grid); }
td { text-align: right; }
.figures td { white-space: nowrap; }
.figures td small { display: block; font-size: 0.76rem; font-weight: 400; color: var(--soft); }
.scroll { overflow-x: auto; }
th:first-child, td:first-child { text-align: left; }
tbody th { text-align: left; color: var(--ink); vertical-align: middle; }
.figures tbody th { padding-left: 34px; text-indent: -26px; }
.best { background: var(--best); font-weight: 600; }
.swatch { display: inline-block; width: 18px; height: 0; border-top: 4px solid; margin-right: 8px;
  vertical-align: 0.25em; }
.swatch.dashed { border-top-style: dashed; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; padding: 0; margin: 6px 0; list-style: none;
  font-size: 0.9rem; }
.legend li { color: var(--ink); }
.grid { display: grid; gap: 18px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 470px), 1fr)); }
.grid.small { grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); }
figure, .card { margin: 0; background: var(--card); border-radius: 8px; padding: 12px; min-width: 0; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { font-size: 0.88rem; margin-top: 6px; }
.card h3 { margin-top: 0; }
.matrix td { border: 2px solid var(--card); text-align: center; padding: 6px 4px; }
.matrix th { font-weight: 400; font-size: 0.82rem; overflow-wrap: anywhere; }
.matrix thead th { text-align: center; }
.matrix small { display: block; color: var(--soft); }
.examples { display: grid; gap: 10px; grid-template-columns: repeat(auto-fill, minmax(108px, 1fr)); margin: 0 0 18px; }
.examples figure { padding: 0; background: none; }
.examples img { display: block; width: 100%; height: auto; border-radius: 3px; background: var(--card); }
.examples figcaption { font-size: 0.78rem; line-height: 1.25; margin-top: 3px; }
summary { cursor: pointer; margin: 14px 0 8px; font-weight: 600; }
@media (max-width: 860px) {
  main { padding: 16px 14px 48px; }
  .figures thead { display: none; }
  .figures, .figures tbody { display: block; }
  .figures tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(140px, 1fr)); gap: 6px 12px;
    padding: 12px 0; border-bottom: 1px solid var(--grid); }
  .figures tbody th { grid-column: 1 / -1; border: 0; padding: 0 0 0 26px; }
  .figures td { display: flex; flex-direction: column; text-align: left; border: 0; padding: 4px 6px;
    border-radius: 4px; }
  .figures td::before { content: attr(data-label); font-size: 0.78rem; font-weight: 400; color: var(--soft);
    white-space: normal; }
  .figures td small { display: inline; }
}
"""
