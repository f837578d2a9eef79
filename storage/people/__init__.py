"""What persons are known by when they ask: accounts, sessions, tokens, invitations."""
