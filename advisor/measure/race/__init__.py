"""Who is faster, decided in interleaved rounds. Pure: what runs a lap, the clock and the switches are given."""
