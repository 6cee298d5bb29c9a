"""How steady masks are from frame to frame of a clip, where the picture's own motion is taken out."""
