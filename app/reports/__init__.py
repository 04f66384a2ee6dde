"""The report: what a person is responsible for, sentence by sentence, with the origin and the evidence of each."""

BANNER = "Draft, not for diagnostic use"
"""Stands on every report, export and copy until a named person signs."""
