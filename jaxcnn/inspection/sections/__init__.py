"""The sections of the page that `look` writes, one a file."""
