"""What firms are helped with: requests, training, documents."""
