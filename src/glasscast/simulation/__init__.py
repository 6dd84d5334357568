"""Engines that make data: equilibration, isoconfigurational ensembles, inherent, cage."""
