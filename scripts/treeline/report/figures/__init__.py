"""The figures of a report, drawn from its tables alone."""
