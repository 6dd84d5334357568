"""Descriptors of a particle's surroundings, one family a file."""
