"""What the liquid is: its box, neighbours and interactions, in reduced Lennard-Jones units."""
