"""Readers and writers of every file format: one module a format, chosen by the registry."""
