"""What the pages of several tasks say in the same words: how pictures become the input."""

_PROGRAMS = {
    "pad": """\
    scale = {size} / max(photo.size)
    sides = [max(1, int(side * scale + 0.5)) for side in photo.size]
    small = photo.resize(sides, Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR)
    pixels = np.full((1, {size}, {size}, 3), 114, np.uint8)           # grey beside or below the picture
    pixels[0, : small.height, : small.width] = np.asarray(small)""",
    "stretch": """\
    pixels = np.asarray(photo.resize(({size}, {size}), Image.Resampling.BOX))[None]""",
}


def resizing_program(card) -> str:
    """Give the lines that bring `photo`, of Pillow, to `pixels`, uint8 [1, S, S, 3]."""
    return _PROGRAMS[card.resizing].format(size=card.input_size)


def resizing_sentence(card) -> str:
    """Say how pictures become the input, without a full stop."""
    size = card.input_size
    if card.resizing == "pad":
        return (
            f"Pictures keep their shape: the longer side becomes {size} pixels, the rest at the right or bottom is "
            "grey (114)"
        )
    return f"Pictures are stretched to {size}x{size}"


def named_classes(card, most: int = 20) -> str:
    """List the names of the classes, so many at most."""
    return f"{', '.join(card.class_names[:most])}{', ...' if len(card.class_names) > most else ''}"
