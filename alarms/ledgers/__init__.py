"""What people write into ledgers, and correct there."""
