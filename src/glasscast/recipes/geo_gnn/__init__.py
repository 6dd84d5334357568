"""Figures and tables of the Geo-GNN paper and its supplement."""
