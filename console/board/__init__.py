"""The city board: what is wrong, in a sentence; then rows, districts and figures."""
