"""Geo-GNN."""
