"""Each saliency set is prepared from a small archive in the layout it was published in."""

import io
import tarfile
import zipfile

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from metricfit.trainers.data.scan.scanner import checked_source
from metricfit.trainers.data.sources.saliency_sets import SaliencySets
from metricfit.trainers.data.sources.saliency_sets.layouts import LAYOUTS
from metricfit.trainers.errors import DataError, MetricfitError, UsageError

SIZE = (24, 32)
SALIENT = (slice(6, 18), slice(8, 20))


def picture(seed):
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


def mask(low=0, high=255, size=SIZE):
    values = np.full(size, low, np.uint8)
    values[SALIENT] = high
    return values


def encode(pixels, kind="PNG"):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format=kind)
    return stream.getvalue()


def jpg(seed=0):
    return encode(picture(seed), "JPEG")


def png(pixels=None):
    return encode(mask() if pixels is None else pixels)


def write_zip(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def write_folder(path, files):
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)


@pytest.fixture
def manual(tmp_path, monkeypatch):
    """The folder for hand-made downloads of an empty TFDS folder."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    folder = tmp_path / "tfds" / "downloads" / "manual"
    folder.mkdir(parents=True)
    (folder / "readme.txt").write_text("archives go here")
    return folder


def examples(name, split):
    source = checked_source(f"tfds:saliency_sets/{name}:{split}", quiet=True)
    return {source.names[index]: source.load(index) for index in range(len(source))}


def assert_masks(found, stems):
    assert sorted(found) == sorted(stems)
    for example in found.values():
        assert example.image.shape == (*SIZE, 3)
        np.testing.assert_array_equal(example.mask, mask(high=1))


def test_ecssd(manual):
    write_zip(manual / "images.zip", {f"images/000{n}.jpg": jpg(n) for n in (2, 1)} | {"images/Thumbs.db": b""})
    write_zip(manual / "ground_truth_mask.zip", {f"ground_truth_mask/000{n}.png": png() for n in (1, 2)})
    found = examples("ecssd", "test")
    assert list(found) == ["0001", "0002"]
    assert_masks(found, ["0001", "0002"])
    expected = np.asarray(Image.open(io.BytesIO(jpg(2))))
    np.testing.assert_array_equal(found["0002"].image, expected)


def test_msra_b_as_published_has_one_split(manual):
    write_zip(manual / "msra_b" / "MSRA-B.zip", {"MSRA-B/0_0_272.jpg": jpg(), "MSRA-B/0_0_272.png": png()})
    assert_masks(examples("msra_b", "full"), ["0_0_272"])
    with pytest.raises(UsageError, match="no split train: it has full"):
        checked_source("tfds:saliency_sets/msra_b:train", quiet=True)


def test_msra_b_with_lists_and_sorted_into_folders(manual):
    files = {f"image/{n}.jpg": jpg(n) for n in range(4)} | {f"annotation/{n}.png": png() for n in range(4)}
    write_folder(manual / "MSRA-B", files)
    for name, lines in {"train": "0.png\n3.png\n", "valid": "1.png\n", "test": "2.png\n"}.items():
        (manual / f"{name}_cvpr2013.txt").write_text(lines)
    assert_masks(examples("msra_b", "train"), ["0", "3"])
    assert_masks(examples("msra_b", "validation"), ["1"])
    assert_masks(examples("msra_b", "test"), ["2"])


def test_hku_is_reads_its_mat_lists(manual):
    savemat = pytest.importorskip("scipy.io").savemat
    files = {f"imgs/000{n}.png": encode(picture(n)) for n in range(1, 5)}
    files |= {f"gt/000{n}.png": png() for n in range(1, 5)}
    for name, chosen in {"trainImgSet": (1, 4), "valImgSet": (2,), "testImgSet": (3,)}.items():
        cells = np.empty((len(chosen), 1), object)
        cells[:, 0] = [f"000{n}.png" for n in chosen]
        stream = io.BytesIO()
        savemat(stream, {name: cells})
        files[f"{name}.mat"] = stream.getvalue()
    write_folder(manual / "HKU-IS", files)
    train = examples("hku_is", "train")
    assert_masks(train, ["0001", "0004"])
    np.testing.assert_array_equal(train["0004"].image, picture(4))
    assert_masks(examples("hku_is", "validation"), ["0002"])
    assert_masks(examples("hku_is", "test"), ["0003"])


def test_hku_is_as_rar_must_be_unpacked(manual):
    (manual / "HKU-IS.rar").write_bytes(b"Rar!")
    with pytest.raises(DataError, match=r"HKU-IS\.rar must be unpacked first"):
        examples("hku_is", "test")


def test_pascal_s_masks_are_cut_at_one_half(manual):
    graded = np.full(SIZE, 106, np.uint8)
    graded[SALIENT] = 128
    files = {
        "datasets/imgs/pascal/1.jpg": jpg(),
        "datasets/masks/pascal/1.png": png(graded),
        "datasets/imgs/bruce/9.jpg": jpg(),
        "algmaps/pascal/aim/1.png": png(),
    }
    write_zip(manual / "salObj.zip", files)
    assert_masks(examples("pascal_s", "test"), ["1"])


def test_dut_omron_without_the_four_withdrawn_images(manual):
    names = ["im005", "sun_bqfgwnmzhjwuphdi"]
    write_zip(
        manual / "DUT-OMRON-image.zip",
        {f"DUT-OMRON-image/{name}.jpg": jpg() for name in names} | {"__MACOSX/DUT-OMRON-image/._im005.jpg": b"x"},
    )
    write_zip(
        manual / "DUT-OMRON-gt-pixelwise.zip.zip",
        {"pixelwiseGT-new-PNG/im005.png": png(), "__MACOSX/pixelwiseGT-new-PNG/._im005.png": b"x"},
    )
    assert_masks(examples("dut_omron", "test"), ["im005"])


def test_duts_has_two_parts_and_may_have_masks_twice(manual):
    write_zip(
        manual / "DUTS-TR.zip",
        {
            "DUTS-TR/DUTS-TR-Image/a.jpg": jpg(),
            "DUTS-TR/DUTS-TR-Mask/a.png": png(mask(size=(30, 30))),
            "DUTS-TR/DUTS-TR-Mask/a.jpg": encode(mask(), "JPEG"),
            "DUTS-TR/DUTS-TR-Image/b.jpg": jpg(),
            "DUTS-TR/DUTS-TR-Mask/b.png": png(mask(high=1)),
        },
    )
    write_zip(manual / "DUTS-TE.zip", {"DUTS-TE/DUTS-TE-Image/c.jpg": jpg(), "DUTS-TE/DUTS-TE-Mask/c.png": png()})
    assert_masks(examples("duts", "train"), ["a", "b"])
    assert_masks(examples("duts", "test"), ["c"])


def outlines(sessions):
    """Write sessions, each a list of (importance, [polygon of (row, column) from 1]), as an SO*.mat."""
    from scipy.io import savemat

    def objects(session):
        made = np.zeros(len(session), dtype=[("BND", "O"), ("IMP", "O")])
        for item, (importance, polygons) in zip(made, session):
            item["IMP"] = float(importance)
            item["BND"] = np.empty((len(polygons), 1), object)
            item["BND"][:, 0] = [np.asarray(polygon, float) for polygon in polygons]
        return made

    made = np.zeros(len(sessions), dtype=[("obj", "O"), ("ImSize", "O")])
    for entry, session in zip(made, sessions):
        entry["obj"], entry["ImSize"] = objects(session), np.array(SIZE, float)
    stream = io.BytesIO()
    savemat(stream, {"SES": made})
    return stream.getvalue()


def test_sod_from_outlines_by_majority(manual):
    pytest.importorskip("scipy.io")
    box = [(7, 9), (7, 20), (18, 20), (18, 9)]
    everything = [(1, 1), (1, 32), (24, 32), (24, 1)]
    left, right = [(7, 9), (7, 14), (18, 14), (18, 9)], [(7, 15), (7, 20), (18, 20), (18, 15)]
    sessions = [
        [(1, [box]), (2, [everything])],
        [(2, [everything]), (1, [left, right])],
        [(1, [everything])],
        [(2, [everything])],
    ]
    write_zip(manual / "SOD.zip", {"SOD/SO123.mat": outlines(sessions), "SOD/DBidx.mat": b"not read"})
    with tarfile.open(manual / "BSDS300-images.tgz", "w:gz") as archive:
        for name, data in {"BSDS300/images/train/123.jpg": jpg(), "BSDS300/iids_test.txt": b"1"}.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    assert_masks(examples("sod", "test"), ["123"])


def test_sod_from_binary_masks(manual):
    write_folder(manual / "SOD", {"Imgs/123.jpg": jpg(), "GT/123.png": png()})
    assert_masks(examples("sod", "test"), ["123"])


def test_odd_pictures_arrive_as_rgb(manual):
    grey = picture(1)[..., 0]
    rotated = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(2).transpose(1, 0, 2)).save(rotated, format="PNG", exif=exif)
    deep = grey.astype(np.uint16) * 256 + 7
    colours = cv2.imencode(".png", picture(3)[..., ::-1].astype(np.uint16) * 16)[1].tobytes()
    files = {"deep.png": encode(deep), "grey.png": encode(grey), "turned.png": rotated.getvalue(), "bits.png": colours}
    write_folder(manual / "images", files)
    write_folder(manual / "ground_truth_mask", {name: png() for name in files})
    found = examples("ecssd", "test")
    assert_masks(found, ["bits", "deep", "grey", "turned"])
    np.testing.assert_allclose(found["bits"].image, picture(3), atol=1)
    for name in ("deep", "grey"):
        np.testing.assert_allclose(found[name].image, np.repeat(grey[..., None], 3, axis=2), atol=name == "deep")
    # Whoever reads the set with TFDS's own decoders, which know nothing of rotation or of 12 bits, sees the same.
    for record in tfds.data_source("saliency_sets/ecssd", split="test", data_dir=manual.parents[1]):
        np.testing.assert_array_equal(record["image"], found[record["name"].decode()].image)


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_missing_archives_are_named_with_what_to_download(manual, name):
    with pytest.raises(DataError) as raised:
        checked_source(f"tfds:saliency_sets/{name}", quiet=True)
    layout = LAYOUTS[name]
    assert str(raised.value).startswith(f"{layout.title}: {layout.parts[0].places[0][0].archive}.zip")
    assert [path.name for path in manual.parents[1].rglob("*")] == ["downloads", "manual", "readme.txt"]
    assert layout.instructions in str(raised.value)
    assert layout.homepage.startswith("http")
    assert layout.citation.count("{") == layout.citation.count("}")
    assert layout.title in SaliencySets.MANUAL_DOWNLOAD_INSTRUCTIONS


def test_archives_at_fault(manual):
    (manual / "images.zip").write_bytes(b"PK no archive")
    with pytest.raises(DataError, match=r"images\.zip cannot be read as an archive"):
        examples("ecssd", "test")
    write_zip(manual / "images.zip", {"other/readme.txt": b"1"})
    write_zip(manual / "ground_truth_mask.zip", {"ground_truth_mask/1.png": png()})
    with pytest.raises(DataError, match=r"images\.zip holds no images"):
        examples("ecssd", "test")
    write_zip(manual / "images.zip", {"images/1.jpg": jpg(), "images/2.jpg": jpg()})
    with pytest.raises(DataError, match=r"1 of 2 images in .*images\.zip have no mask .*\(2\)"):
        examples("ecssd", "test")
    write_zip(manual / "images.zip", {"images/1.jpg": encode(np.zeros((9, 9, 3), np.uint8))})
    with pytest.raises(DataError, match=r"is 32x24, its image images/1\.jpg is 9x9"):
        examples("ecssd", "test")
    write_zip(manual / "images.zip", {"images/1.jpg": jpg()[:300]})
    with pytest.raises(DataError, match=r"images\.zip/images/1\.jpg cannot be read"):
        examples("ecssd", "test")
    write_zip(manual / "images.zip", {"images/1.jpg": jpg()})
    assert_masks(examples("ecssd", "test"), ["1"])


def test_lists_must_fit_the_archive(manual):
    write_zip(manual / "MSRA-B.zip", {"MSRA-B/1.jpg": jpg(), "MSRA-B/1.png": png()})
    (manual / "train_cvpr2013.txt").write_text("1.png\n")
    with pytest.raises(DataError, match=r"valid_cvpr2013\.txt, test_cvpr2013\.txt not"):
        examples("msra_b", "train")
    (manual / "valid_cvpr2013.txt").write_text("7.png\n")
    (manual / "test_cvpr2013.txt").write_text("1.png\n")
    with pytest.raises(DataError, match=r"name 1 images that are not there \(7\)"):
        examples("msra_b", "train")


def test_no_manual_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match=r"^ECSSD: images\.zip and ground_truth_mask\.zip .*not found"):
        examples("ecssd", "test")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="ECSSD: the folder for downloads is missing or empty") as raised:
        tfds.builder("saliency_sets/ecssd", data_dir=tmp_path).download_and_prepare()
    assert "DUTS" not in str(raised.value)


def test_the_builder_works_as_any_tfds_builder(manual, tmp_path):
    write_zip(manual / "images.zip", {"images/1.jpg": jpg()})
    write_zip(manual / "ground_truth_mask.zip", {"ground_truth_mask/1.png": png()})
    builder = tfds.builder("saliency_sets/ecssd", data_dir=tmp_path / "elsewhere")
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual))
    example = next(iter(builder.as_dataset("test").as_numpy_iterator()))
    np.testing.assert_array_equal(example["mask"][..., 0], mask())
    assert builder.info.citation == LAYOUTS["ecssd"].citation
    assert issubclass(DataError, MetricfitError)
