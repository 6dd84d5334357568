"""Figures and tables of the EIGNN paper."""
