"""The web application for officers, enterprises and operators."""
