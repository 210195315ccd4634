"""The layers that the papers share, their initializers, and networks applied to images of different sizes."""
