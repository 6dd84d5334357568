"""Damaged and forged files for every reader; ``make fuzz`` and a small share in the tests."""
