"""Pages of one file: their parts as HTML, their looks, and figures as SVG inside them."""
