#!/bin/sh
# Make .venv and install glasscast in it, with uv where it can be had and plain pip where not.
set -e
"${PYTHON:-python3}" -m venv .venv
if .venv/bin/python -m pip install -q uv; then
    # uv does not read pip's settings: hand its link folder over, if there is one.
    links="${UV_FIND_LINKS:-${PIP_FIND_LINKS:-$(.venv/bin/pip config get global.find-links 2>/dev/null || true)}}"
    if [ -n "$links" ]; then export UV_FIND_LINKS="$links"; fi
    .venv/bin/uv pip install -q -p .venv -c constraints.txt -e ".[dev]"
else
    .venv/bin/python -m pip install -q -c constraints.txt -e ".[dev]"
fi
# uv leaves no compiled files: one import here saves seconds at every later start.
env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -c "import torch, matplotlib.pyplot, plotly.graph_objects, vesin, sphericart"
