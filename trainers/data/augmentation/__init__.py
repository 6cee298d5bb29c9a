"""How training examples are varied, as pure functions of an example and a random generator."""
