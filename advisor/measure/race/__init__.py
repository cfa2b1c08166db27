"""Which candidate is faster, decided in interleaved rounds. Pure: the runner, clock and switches are given."""
