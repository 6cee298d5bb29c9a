"""Pictures and videos -> what a model finds in them, drawn and as JSON, kept as it goes."""
