"""The interface for programs: whatever pages show and do, as JSON under /api/v1."""
