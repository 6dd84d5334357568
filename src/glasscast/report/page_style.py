"""The page's style sheet: one column, light and dark, nothing fetched."""

CSS = """
:root { color-scheme: light dark; --ink: #1d1d1f; --soft: #5b5b60; --paper: #ffffff;
  --line: #dcdce0; --card: #f6f6f8; --accent: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8ea; --soft: #a5a5ad; --paper: #17181b; --line: #3a3b40; --card: #212226;
    --accent: #6cb8ea; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 2.5rem 1.25rem 4rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.55 system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans",
  sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .6rem; }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .7rem; padding-top: .9rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
p, li { max-width: 46rem; }
h1, p, li, td, th, figcaption { overflow-wrap: anywhere; }
.headline { font-size: 1.15rem; border-left: 4px solid var(--accent); padding-left: .9rem; }
figure { margin: 1.4rem 0 2rem; }
figure img { display: block; width: 100%; background: #ffffff; border: 1px solid var(--line);
  border-radius: 6px; padding: .5rem; }
figcaption { color: var(--soft); font-size: .92rem; margin-top: .55rem; max-width: 46rem; }
figcaption strong { color: var(--ink); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .93rem; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; vertical-align: top; }
.facts th { font-weight: 500; color: var(--soft); min-width: 11rem; }
.wide { overflow-x: auto; }
.scores { margin: .6rem 0 1.2rem; }
.scores th, .scores td { padding: .35rem 1.1rem .35rem .2rem;
  border-bottom: 1px solid var(--line); }
.scores thead th { font-weight: 600; border-bottom: 2px solid var(--ink); white-space: nowrap; }
.scores tbody th { font-weight: 500; overflow-wrap: normal; }
.scores [scope=rowgroup] { color: var(--soft); padding-top: 1rem; }
.scores small { display: block; color: var(--soft); white-space: nowrap; font-size: .8rem; }
.published th, .published td { color: var(--soft); }
.ceiling th, .ceiling td { color: var(--soft); font-style: italic; }
details { margin: .8rem 0; }
summary { cursor: pointer; color: var(--accent); }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .8rem;
  overflow-x: auto; font-size: .85rem; }
.controls { display: flex; flex-wrap: wrap; gap: 1.4rem; margin: .8rem 0; color: var(--soft);
  font-size: .93rem; }
.controls select { font: inherit; }
.controls input { vertical-align: middle; }
#view { height: 620px; border: 1px solid var(--line); border-radius: 6px; }
@media print { .controls, #view { display: none; } }
"""
