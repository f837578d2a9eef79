"""What goes wrong with a provider of identities.

ProviderError
+-- AwayError       it does not answer, or not as the protocol has it: worth another try
+-- NoWordError     it answered, and its word is not good: who it is stays unknown
"""


class ProviderError(Exception):
    """A provider did not tell us who somebody is.  Messages hold nothing of tokens or codes."""


class AwayError(ProviderError):
    """It cannot be reached, or says of itself what cannot be used."""


class NoWordError(ProviderError):
    """What it said of somebody is not signed by it, or not for us, for now, for this visit."""
