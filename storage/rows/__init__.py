"""From the journal to rows: gathering, decoding, binary COPY, position in the same transaction."""
