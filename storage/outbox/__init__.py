"""Notices: written in the transaction that makes them fall due, sent by whoever couriers."""
