"""One file, one page, one Page record."""
