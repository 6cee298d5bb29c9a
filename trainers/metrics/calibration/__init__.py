"""Whether scores mean what they say: confidence against what came of it, of boxes and of pixels."""
