"""Robinhood policy engines: who has how much of a file system."""
