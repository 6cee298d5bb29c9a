"""FoveaBox: places of a pyramid, which of them find which object, and the network."""
