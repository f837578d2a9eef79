"""The live stream: pages that stand open hear that something changed."""
