"""LAMMPS as an engine, by its library or an executable."""
