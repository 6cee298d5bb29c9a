"""Models that ship with the project, each in a folder with its card."""
