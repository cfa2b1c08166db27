"""The timed processes, one a candidate."""
