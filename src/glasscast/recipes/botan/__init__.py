"""Figures and tables of the BOTAN paper."""
