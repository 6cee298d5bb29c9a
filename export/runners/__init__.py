"""Any model file as one callable on raw pictures."""
