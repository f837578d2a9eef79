"""What receivers of our webhooks import: ``from wattwarden.webhooks import verify``."""

from wattwarden.alarms.channels.verify import Flaw, Verified, VerifyError, verify, verify_plain

__all__ = ["Flaw", "Verified", "VerifyError", "verify", "verify_plain"]
