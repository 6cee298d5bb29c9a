"""Signatures for servers: pictures of any size in, as pixels or files, results in their own pixels out."""
