"""EIGNN with inherent or cage displacements."""
