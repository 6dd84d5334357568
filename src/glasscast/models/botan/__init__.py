"""NT-GNN and BOTAN."""
