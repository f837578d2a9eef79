"""Signing in by a provider of identities (OpenID Connect): what it says of itself and of people."""
