"""The registry (资产档案): who has what, where it is metered, and who answers for it."""
