"""Productions: the numbered set delivered for a request, with manifest and signed root."""
