"""Child processes: everything heavy or risky runs in one, so that a crash costs one candidate only."""
