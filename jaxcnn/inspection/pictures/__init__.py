"""Arrays as images: colours, grids, boxes, PNGs. Nothing here knows networks."""
