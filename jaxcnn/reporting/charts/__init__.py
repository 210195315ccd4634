"""Charts as inline SVG, tables of shades and grids of small images, in the colours of `reporting.pages`."""
