"""Everything drawn, and the rules for drawing."""
