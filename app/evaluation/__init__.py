"""A model measured on data: what it finds in their pictures, and what the files of these mean to it."""
