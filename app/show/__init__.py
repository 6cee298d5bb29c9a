"""Pictures made of pictures and of what was found in them."""
