"""Whether exported files do what the Keras model does: one pass over data feeds a judge and an agreement for each."""
