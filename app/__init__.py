"""The program that people type: command line, demo, reports, benchmarks."""
