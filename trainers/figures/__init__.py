"""Pictures of trainings, evaluations and comparisons, drawn by matplotlib."""
