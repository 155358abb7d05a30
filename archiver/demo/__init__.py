"""A sample city of our own invention, and its way through every room; used by nothing but its command."""
