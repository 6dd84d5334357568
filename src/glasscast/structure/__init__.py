"""What is computed from one configuration: neighbour lists, graphs, descriptors."""
