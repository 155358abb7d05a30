"""What the people of Lakewood Falls wrote, as data."""
