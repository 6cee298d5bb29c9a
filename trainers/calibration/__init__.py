"""Making scores mean what they say: curves that keep the order, fitted to finds, measured on pictures left out."""
