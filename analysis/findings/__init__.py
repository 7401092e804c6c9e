"""Findings: declared rules with evidence."""
