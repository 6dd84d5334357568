"""Figures and tables of the paper of Boattini et al."""
