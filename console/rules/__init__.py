"""By what the city is judged and who is told: rules, their drafts, and the ways of notices."""
