"""Search engines behind one contract; they only find ids."""
