"""`python -m treeline`."""

from treeline.cli import main

main()
