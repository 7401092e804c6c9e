"""Pure functions on frames and records: JobFacts, findings, energy, right size."""
