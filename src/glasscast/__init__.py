"""Forecast how a glass-forming liquid will move from one snapshot of its structure."""
