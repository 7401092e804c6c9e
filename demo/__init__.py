"""A simulated cluster that real servers serve."""
