"""Figures shared by pages: pure functions of frames."""
