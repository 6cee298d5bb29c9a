"""Files that say something of each pixel of a picture: masks and class maps, as people save them."""
