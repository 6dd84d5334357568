"""Configurations, datasets, dynamic targets, and the readers and writers of every format."""
