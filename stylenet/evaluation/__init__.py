"""The standardised benchmark: what is judged, by which measures, and the reports."""
