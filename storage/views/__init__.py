"""What pages show: read models, a few queries each, however much there is to show."""
