"""Unit states, rules and grading: pure functions over stored readings and decisions."""
