"""The browser: where it is, and how it is started."""
