"""Back-tests: stored history folded by other rules, aside from what serves people."""
