"""One encoded image becomes an array: JPEG, other formats, resizing."""
