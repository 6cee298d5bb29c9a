"""Pictures of so many pixels that they are decoded smaller, by bands of rows, and few at once."""
