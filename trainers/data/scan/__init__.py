"""Looking at data before they are used: faults, facts, contact sheets."""
