"""Measures a running demo; counts come from the servers, not from the portal."""
