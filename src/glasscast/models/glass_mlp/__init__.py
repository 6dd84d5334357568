"""GlassMLP."""
