"""Evaluation and prediction as pipelines of Apache Beam: parts of the data on many workers, merged into one result."""
