"""Which texts are timed and compared, in which batches, and how long things take. Pure."""
