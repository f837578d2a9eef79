"""Work in a process of its own: what computes for longer than whoever answers people can wait."""
