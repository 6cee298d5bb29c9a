"""Whether scores mean what they say."""
