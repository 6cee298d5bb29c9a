"""Losses that are sums over single pixels or entries: cross-entropies, focal loss, OHEM."""
