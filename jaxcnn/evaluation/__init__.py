"""The papers' test protocols: crops, windows and whole images, and the errors by them."""
