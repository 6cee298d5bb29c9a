"""How far exported files are from the Keras model they came from."""
