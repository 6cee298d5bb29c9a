"""A model behind HTTP: pictures in, what is found out. Only `verb` and what it imports need the extra [serve]."""
