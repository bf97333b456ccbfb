"""Figures of reports: how they look, what one consists of, and the plots that several subjects need."""
