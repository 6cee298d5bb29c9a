"""How good what a model found is: every evaluation goes through here."""
