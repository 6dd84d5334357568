"""The one training loop of all deep models."""
