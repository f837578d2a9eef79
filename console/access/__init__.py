"""Who is let in: sign-in, sessions, accounts, tokens, the audit log."""
