"""Published models behind one face: fit, predict, save, load."""
