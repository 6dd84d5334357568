#!/bin/sh
# Make .venv and install glasscast in it, with uv where it can be had and plain pip where not.
# EXTRAS: of the package, dev by default.
# DEPENDENCIES: pinned (default; constraints.txt), newest, or lowest (what pyproject.toml allows; needs uv).
set -e
case "${DEPENDENCIES:-pinned}" in
    pinned) how="-c constraints.txt" ;;
    newest) how="" ;;
    lowest) how="--resolution lowest-direct" ;;
    *) echo "DEPENDENCIES is pinned, newest or lowest, not '$DEPENDENCIES'" >&2; exit 2 ;;
esac
"${PYTHON:-python3}" -m venv .venv
if .venv/bin/python -m pip install -q uv; then
    # uv does not read pip's settings: hand its link folder over, if there is one.
    links="${UV_FIND_LINKS:-${PIP_FIND_LINKS:-$(.venv/bin/pip config get global.find-links 2>/dev/null || true)}}"
    if [ -n "$links" ]; then export UV_FIND_LINKS="$links"; fi
    # shellcheck disable=SC2086  # several words are meant
    .venv/bin/uv pip install -q -p .venv $how -e ".[${EXTRAS:-dev}]"
elif [ "${DEPENDENCIES:-pinned}" = lowest ]; then
    echo "the lowest dependencies are found by uv, which cannot be installed" >&2
    exit 2
else
    # shellcheck disable=SC2086
    .venv/bin/python -m pip install -q $how -e ".[${EXTRAS:-dev}]"
fi
# uv leaves no compiled files: one import here saves seconds at every later start.
env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -c "import torch, matplotlib.pyplot, plotly.graph_objects, vesin, sphericart"
