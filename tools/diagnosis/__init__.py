"""How good the diagnosis is: judged on simulated truth, and other rules tried on stored history."""
