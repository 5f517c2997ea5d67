"""What a run holds and whether it is what its records say."""
