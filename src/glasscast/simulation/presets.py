"""Time tables of the published data sets, in reduced units."""

from __future__ import annotations

#: Label times of GlassBench (Jung et al., arXiv 2311.14752): three-dimensional Kob-Andersen at
#: density 1.2 and the two-dimensional ternary mixture.
TIME_TABLES: dict[str, tuple[float, ...]] = {
    "glassbench-ka-T0.44": (0.13, 1.3, 13, 130, 412, 1300, 4120, 13000, 41200, 130000),
    "glassbench-ka-T0.50": (0.108, 0.434, 2.17, 6.86, 21.7, 68.6, 217, 686, 2170, 6860),
    "glassbench-ka-T0.56": (0.104, 0.33, 0.99, 1.65, 5.2, 16.5, 52, 165, 520, 1650),
    "glassbench-ka-T0.64": (0.032, 0.1, 0.165, 0.52, 1.65, 5.2, 16.5, 52, 165, 520),
    "glassbench-ka2d-T0.30": (0.11, 1.25, 14.14, 158.74, 1781.79, 20000),
    "glassbench-ka2d-T0.23": (0.1, 1.1, 11.64, 122.47, 1288.41, 13554, 142587, 1.5e6),
}

#: Published alpha relaxation times: (liquid, temperature) -> tau_alpha.
RELAXATION_TIMES: dict[tuple[str, float], float] = {
    ("ka", 0.44): 4120.0,
    ("ka", 0.50): 217.0,
    ("ka", 0.56): 52.0,
    ("ka", 0.64): 16.5,
    ("ka2d", 0.30): 2200.0,
    ("ka2d", 0.23): 918306.0,
}
