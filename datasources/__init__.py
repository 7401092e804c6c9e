"""Everything that is read, and the portal's own database. Each function returns documented frames and takes the viewer."""
