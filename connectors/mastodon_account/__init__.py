"""One account on a Mastodon server."""
