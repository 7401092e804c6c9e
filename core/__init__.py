"""Rules of the house: viewers, access, subjects, time, units, errors, settings. Imports no web or drawing library."""
