"""One heat: the candidates that are loaded race, the front runners are tuned, and what only reports is timed."""
