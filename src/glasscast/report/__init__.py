"""Figures and pages a physicist can look at."""
