"""Letters that are kept are those that would be drawn anew."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from metricfit.app.show import lettering


@pytest.mark.parametrize("weight", [400, 600])
@pytest.mark.parametrize("size", [9, 30])
@pytest.mark.parametrize("text", ["cat 0.53", "Ägyj|", "", "i" * 80])
def test_pillows_letters_lie_where_pillow_writes_them(monkeypatch, text, size, weight):
    monkeypatch.setattr(lettering, "_HAS_FONT", False)
    lettering._letters.cache_clear()
    lettering.text_width.cache_clear()
    for start in (-5, 0, 7, 200):
        panel = np.random.default_rng(0).integers(0, 256, (2 * size - 3, 120, 3), np.uint8)
        picture = Image.fromarray(panel)
        place = start, panel.shape[0] // 2 + round(size * 0.36)
        font, edge = lettering._pillows(size), int(weight > 500)
        ImageDraw.Draw(picture).text(place, text, (10, 200, 90), font, anchor="ls", stroke_width=edge)
        for _ in range(2):  # the second time they are kept
            written = panel.copy()
            lettering.write_text(written, text, start, size, (10, 200, 90), weight)
            np.testing.assert_allclose(written.astype(int), np.asarray(picture, int), atol=1)
    lettering.text_width.cache_clear()
