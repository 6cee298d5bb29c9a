"""Seven saliency data sets as one TFDS builder, `saliency_sets/ecssd` and so on, from archives in `manual_dir`."""

import io
import re
import textwrap
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from PIL import Image

from ....errors import DataError, MetricfitError
from ....text import decode_text
from ...images import check_sizes, read_image, read_mask
from ..archives import Archive, NamedBytes, open_archive
from ..lists import stem_of
from .layouts import LAYOUTS, Layout, Part, Place

Records = Iterator[tuple[str, dict[str, Any]]]

_IMAGES = (".jpg", ".jpeg", ".png")


class _Pairs:
    """The images and masks of one part, by stem, read on demand."""

    def __init__(self, layout: Layout, images: Archive, masks: Archive, image_files: list[str], mask_files: list[str]):
        self._images, self._masks = images, masks
        self._image_files = {PurePosixPath(file).stem: file for file in image_files}
        self._mask_files: dict[str, list[str]] = {}
        for file in mask_files:
            stem = PurePosixPath(file).stem
            # SO123.mat outlines what is in 123.jpg.
            self._mask_files.setdefault(stem[2:] if file.endswith(".mat") else stem, []).append(file)
        for stem in layout.without_mask:
            if stem not in self._mask_files:
                self._image_files.pop(stem, None)
        self.stems = sorted(self._image_files)
        without = [stem for stem in self.stems if stem not in self._mask_files]
        if without:
            raise DataError(
                f"{layout.title}: {len(without)} of {len(self.stems)} images in {images.path} have no mask "
                f"in {masks.path} ({', '.join(without[:3])}): download the archives again"
            )

    def image(self, stem: str) -> NamedBytes:
        return self._images.read(self._image_files[stem])

    def mask(self, stem: str, image: np.ndarray) -> np.ndarray:
        """Give the mask, uint8 [H, W] of 0 and 255; where a stem has two, the first of the image's size."""
        for file in sorted(self._mask_files[stem], key=lambda file: not file.endswith(".png")):
            encoded = self._masks.read(file)
            mask = _outlined(encoded, image.shape[:2]) if file.endswith(".mat") else _cut(read_mask(encoded))
            if mask.shape == image.shape[:2]:
                break
        check_sizes((image.shape[0], image.shape[1]), mask, self._image_files[stem], encoded)
        return mask


def _cut(values: np.ndarray) -> np.ndarray:
    """Cut a grey mask at half of its range, as the toolboxes of the field do; 0/1 files count as 0/255."""
    return np.where(values >= (1 if values.max() <= 1 else 128), 255, 0).astype(np.uint8)


def _loadmat(file: NamedBytes) -> dict[str, Any]:
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise MetricfitError(f"reading {file} needs scipy: pip install scipy") from error
    return dict(loadmat(file, squeeze_me=True, struct_as_record=False))


def _outlined(file: NamedBytes, size: tuple[int, int]) -> np.ndarray:
    """Draw what at least half of the sessions of an SO*.mat outline as their most salient object."""
    sessions = np.atleast_1d(_loadmat(file)["SES"])
    votes = np.zeros(size, np.int32)
    for session in sessions:
        drawn = np.zeros(size, np.uint8)
        for item in np.atleast_1d(session.obj):
            if not hasattr(item, "BND") or item.IMP != 1:
                continue
            outlines = item.BND if item.BND.dtype == object else [item.BND]
            for outline in outlines:
                # MATLAB's (row, column) from 1 become OpenCV's (x, y) from 0.
                points = np.round(np.asarray(outline, np.float64).reshape(-1, 2)[:, ::-1] - 1).astype(np.int32)
                cv2.fillPoly(drawn, [points], 1)
        votes += drawn
    return np.where(2 * votes >= max(1, len(sessions)), 255, 0).astype(np.uint8)


def _find_pairs(layout: Layout, part: Part, folders: list[Path]) -> _Pairs:
    """Open the first places of a part that hold images."""
    opened = cache(lambda name: open_archive(folders, name))
    missing: list[str] = []
    empty: list[str] = []
    for places in part.places:
        images, masks = (opened(place.archive) for place in places)
        if images is None or masks is None:
            missing += [f"{place.archive}.zip" for place in places if opened(place.archive) is None]
            continue
        files = _files(places, images, masks)
        if all(files):
            return _Pairs(layout, images, masks, *files)
        for kind, found, place, archive in zip(("images", "masks"), files, places, (images, masks)):
            if not found:
                empty.append(f"{archive.path} holds no {kind}" + (f" in {place.folder}/" if place.folder else ""))
    problem = (
        "; ".join(dict.fromkeys(empty))
        or " and ".join(dict.fromkeys(missing[:2]))
        + f" (or a folder of that name) not found in {' or '.join(str(folder) for folder in folders)}"
    )
    raise DataError(f"{layout.title}: {problem}. What to download: {layout.instructions}")


def _files(places: tuple[Place, Place], images: Archive, masks: Archive) -> tuple[list[str], list[str]]:
    of_images, of_masks = (place.folder for place in places)
    if places[0] == places[1]:
        return images.below(of_images, (".jpg", ".jpeg")), masks.below(of_masks, (".png",))
    outlines = [file for file in masks.files if re.fullmatch(r"(.*/)?SO\d+\.mat", file)]
    return images.below(of_images, _IMAGES), outlines or masks.below(of_masks, _IMAGES)


def _read_list(file: NamedBytes) -> list[str]:
    """Read the stems in a .txt (a name in each line) or a .mat (a cell array of names)."""
    if str(file).endswith(".txt"):
        entries: Iterable[object] = decode_text(file.read(), file).splitlines()
    else:
        entries = np.concatenate([np.ravel(value) for key, value in _loadmat(file).items() if not key.startswith("__")])
    return [stem_of(str(entry).strip()) for entry in entries if str(entry).strip()]


def _split_lists(layout: Layout, folders: list[Path]) -> dict[str, list[str]]:
    """Find the lists of a data set's splits, beside its archives or within them; empty when there are none."""
    archive = open_archive(folders, layout.parts[0].places[0][0].archive)
    lists = {}
    for split, names in layout.lists.items():
        wanted = [f"{name}{ending}" for name in names for ending in (".txt", ".mat")]
        beside = [folder / name for folder in folders for name in wanted if (folder / name).is_file()]
        within = [file for file in archive.files if PurePosixPath(file).name in wanted] if archive else []
        if beside:
            lists[split] = _read_list(NamedBytes(beside[0].read_bytes(), str(beside[0])))
        elif archive and within:
            lists[split] = _read_list(archive.read(within[0]))
    missing = [f"{names[0]}.txt" for split, names in layout.lists.items() if split not in lists]
    if lists and missing:
        raise DataError(
            f"{layout.title}: the lists of {', '.join(lists)} are there, but {', '.join(missing)} not: add "
            "them, or take the others away to get the one split full"
        )
    return lists


def _encoded(file: NamedBytes, image: np.ndarray, mended: bool) -> io.BytesIO:
    """Keep the published bytes where any decoder reads them alike, else store the decoded picture as PNG."""
    with Image.open(file) as opened:
        plain = (
            not mended
            and opened.mode == "RGB"
            and opened.format in ("JPEG", "PNG")
            and opened.getexif().get(0x0112, 1) == 1
            and not opened.has_transparency_data
        )
    if plain:
        return io.BytesIO(file.getvalue())
    Image.fromarray(image).save(encoded := io.BytesIO(), format="PNG")
    encoded.seek(0)
    return encoded


class SaliencySets(tfds.core.GeneratorBasedBuilder):
    """MSRA-B, ECSSD, HKU-IS, PASCAL-S, SOD, DUT-OMRON and DUTS; features `image`, `mask` (0 and 255), `name`."""

    name = "saliency_sets"
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name=name, version="1.0.0", description=layout.description)
        for name, layout in LAYOUTS.items()
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Download by hand, into manual_dir or manual_dir/CONFIGURATION:\n" + "\n".join(
        textwrap.fill(f"{name} ({layout.title}): {layout.instructions}", 110, subsequent_indent="  ")
        for name, layout in LAYOUTS.items()
    )

    @property
    def layout(self) -> Layout:
        """What is known of the data set."""
        return LAYOUTS[self.builder_config.name]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description=f"{self.layout.title}: {self.layout.description} {self.layout.instructions}",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "mask": tfds.features.Image(shape=(None, None, 1), encoding_format="png"),
                    "name": tfds.features.Text(),
                }
            ),
            homepage=self.layout.homepage,
            citation=self.layout.citation,
            # The published order is kept, so that an index names the same pair on every machine.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Records]:
        try:
            manual = Path(dl_manager.manual_dir)
        except AssertionError as error:
            raise DataError(
                f"{self.layout.title}: the folder for downloads is missing or empty. "
                f"What to download: {self.layout.instructions}"
            ) from error
        splits = self.find_splits(manual)
        count = sum(len(one.stems) for one in {one for one, _ in splits.values()})
        if count != self.layout.pairs:
            logging.warning("%s has %d pairs as published, here are %d", self.layout.title, self.layout.pairs, count)
        return {split: self._generate_examples(one, stems) for split, (one, stems) in splits.items()}

    def find_splits(self, manual: Path) -> dict[str, tuple[_Pairs, list[str]]]:
        """Find split -> its archive's pairs and the stems that belong to it, without decoding or writing anything."""
        folders = [manual / self.builder_config.name, manual]
        pairs = [_find_pairs(self.layout, part, folders) for part in self.layout.parts]
        splits = {part.split or "full": (one, one.stems) for part, one in zip(self.layout.parts, pairs)}
        lists = _split_lists(self.layout, folders)
        if lists:
            splits = {split: (pairs[0], stems) for split, stems in lists.items()}
            known = set(pairs[0].stems)
            unknown = [stem for stems in lists.values() for stem in stems if stem not in known]
            if unknown:
                raise DataError(
                    f"{self.layout.title}: the split lists name {len(unknown)} images that are not there "
                    f"({', '.join(unknown[:3])}): lists and archive do not belong together"
                )
        return splits

    def _generate_examples(self, pairs: _Pairs, stems: list[str]) -> Records:
        for stem in stems:
            file = pairs.image(stem)
            repairs: list[str] = []
            image = read_image(file, repairs=repairs)
            mask = pairs.mask(stem, image)
            file.seek(0)
            yield stem, {"image": _encoded(file, image, bool(repairs)), "mask": mask[..., None], "name": stem}
