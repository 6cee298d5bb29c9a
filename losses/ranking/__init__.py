"""Losses of a batch's ranking: AP, aLRP and their kin, whose gradients are error-driven."""
