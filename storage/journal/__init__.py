"""The journal: what arrived, in order, on disk before anybody is told."""
