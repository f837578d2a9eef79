"""What pages draw: positions and widths as SVG attributes, computed from what is known."""
