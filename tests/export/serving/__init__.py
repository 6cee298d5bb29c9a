"""Signatures for servers: each part against the library it stands for, and all of them as a client sees them."""
