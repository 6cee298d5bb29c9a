"""What a request may ask, bring and how often; and how it is refused."""
