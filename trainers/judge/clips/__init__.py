"""How steady what is found in the frames of clips is, and smoothing that makes it steadier."""
