"""Measurements beside peers, in one run on one file; development only."""
