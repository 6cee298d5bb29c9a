"""`tfds:NAME[:SPLIT]` through TFDS's made-up data; no network."""

import io
import sys
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from metricfit.trainers.data.scan.scanner import scan
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.sources.annotations import NO_EXTENT, OVER_EDGE
from metricfit.trainers.errors import DataError, UsageError


def encode(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def trimap(height=24, width=32):
    values = np.full((height, width), 2, np.uint8)
    values[6:18, 8:24] = 3
    values[8:16, 10:22] = 1
    return values


def pets(monkeypatch, records):
    """Let the pets of TFDS be these records."""

    def as_data_source(self, split, *, decoders):
        assert split == "train"
        assert decoders.keys() == {"image", "segmentation_mask"}
        return records

    monkeypatch.setattr("tensorflow_datasets.core.dataset_builder.DatasetBuilder.as_data_source", as_data_source)


def record(name, image=None, mask=None):
    image = np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8) if image is None else image
    return {
        "image": encode(image),
        "segmentation_mask": encode(trimap() if mask is None else mask),
        "file_name": np.array(name.encode(), object),
    }


def test_trimaps_become_masks_with_ignored_border(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    pets(monkeypatch, [record("Abyssinian_1.jpg"), record("beagle_2.jpg")])
    source = open_source("tfds:oxford_iiit_pet")
    assert source.name == "tfds:oxford_iiit_pet"
    assert list(source.names) == ["Abyssinian_1.jpg", "beagle_2.jpg"]
    example = source.load(1)
    assert example.name == "beagle_2.jpg"
    expected = np.zeros((24, 32), np.uint8)
    expected[6:18, 8:24] = 255
    expected[8:16, 10:22] = 1
    np.testing.assert_array_equal(example.mask, expected)
    assert example.image.dtype == np.uint8
    assert example.image.shape == (24, 32, 3)
    assert not scan(source, quiet=True).faults
    assert open_source("tfds:oxford_iiit_pet", needs="none").load(0).mask is None


def test_faults_of_records(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    damaged = record("damaged")
    damaged["image"] = damaged["image"][:200]
    odd = np.full((24, 32), 4, np.uint8)
    pets(monkeypatch, [record("good"), record("small", mask=trimap(20, 30)), record("odd", mask=odd), damaged])
    faults = dict(scan(open_source("tfds:oxford_iiit_pet"), quiet=True).faults)
    assert faults.keys() == {"small", "odd", "damaged"}
    assert "segmentation_mask of small in tfds:oxford_iiit_pet is 30x20, its image" in faults["small"]
    assert "holds [4], expected [1, 2, 3]" in faults["odd"]
    assert "image of damaged in tfds:oxford_iiit_pet cannot be read" in faults["damaged"]


def test_tfds_that_cannot_be_loaded_is_said_with_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", types.ModuleType("tensorflow_datasets"))
    with pytest.raises(UsageError, match=r"pip install 'tensorflow-metadata<1\.18'"):
        open_source("tfds:oxford_iiit_pet")


def test_data_made_up_by_tfds(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    # TFDS makes up boxes whose corners are in any order, and then refuses some of them.
    monkeypatch.setattr(tfds.features.BBoxFeature, "encode_example", lambda self, box: np.zeros(4, np.float32))
    with tfds.testing.mock_data(num_examples=3):
        source = open_source("tfds:oxford_iiit_pet:test", needs="none")
        assert len(source) == 3
        assert len(set(source.names)) == 3
        first = source.load(0)
        np.testing.assert_array_equal(first.image, source.load(0).image)
        assert first.image.shape[2] == 3
        # Its masks have other sizes than its images, which the scan says of each.
        faults = scan(open_source("tfds:oxford_iiit_pet"), quiet=True)
        assert len(faults.faults) == 3
        assert all("resize one of them" in sentence for _, sentence in faults.faults)
        with pytest.raises(UsageError, match=r"known masks \(oxford_iiit_pet, saliency_sets\); .*image/filename"):
            open_source("tfds:coco/2017")
        with pytest.raises(UsageError, match=r"known labels \(oxford_iiit_pet, cityscapes\)"):
            open_source("tfds:coco/2017", needs="labels")


def boxed(monkeypatch, tmp_path, records):
    """Let every data set of TFDS be these records; their pictures are 32x24."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))

    def as_data_source(self, split, *, decoders):
        assert decoders.keys() == {"image"}
        return records

    monkeypatch.setattr("tensorflow_datasets.core.dataset_builder.DatasetBuilder.as_data_source", as_data_source)


def objects(name, **parts):
    parts = {key: list(values) for key, values in parts.items()}
    return {"image": encode(np.zeros((24, 32, 3), np.uint8)), "image/filename": name.encode(), "objects": parts}


def test_boxes_of_voc(monkeypatch, tmp_path):
    # Shares of the sides as (y, x, y, x), of coordinates that count from 1.
    bbox = np.array([[4 / 24, 3 / 32, 18 / 24, 20 / 32], [1 / 24, 1 / 32, 1, 1]], np.float32)
    records = [
        objects("a.jpg", bbox=bbox, label=[7, 11], is_difficult=[False, True]),
        objects("b.jpg", bbox=[], label=[], is_difficult=[]),
    ]
    boxed(monkeypatch, tmp_path, records)
    source = open_source("tfds:voc/2007:test", needs="boxes")
    assert source.class_names[:3] == ("aeroplane", "bicycle", "bird")
    assert len(source.class_names) == 20
    assert (list(source.names), list(source.box_counts)) == (["a.jpg", "b.jpg"], [2, 0])
    example = source.load(0)
    assert example.boxes.tolist() == [[2, 3, 20, 18], [0, 0, 32, 24]]
    assert (example.boxes.dtype, example.classes.dtype) == (np.float32, np.int32)
    assert example.classes.tolist() == [7, 11]
    assert example.difficult.tolist() == [False, True]
    assert (example.crowd, example.areas, example.repairs) == (None, None, ())
    assert source.load(1).boxes.shape == (0, 4)
    assert scan(source, quiet=True).faults == []
    assert open_source("tfds:voc/2007", needs="none").load(0).boxes is None


def test_pictures_with_boxes_are_not_turned(monkeypatch, tmp_path):
    # TFDS takes pictures as they are stored, without their EXIF rotation, and so do its boxes.
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.full((24, 32, 3), 90, np.uint8)).save(stream, format="JPEG", exif=exif)
    turned = objects("a.jpg", bbox=[[0, 0, 0.5, 1]], label=[7], is_difficult=[False])
    turned["image"] = stream.getvalue()
    boxed(monkeypatch, tmp_path, [turned])
    example = open_source("tfds:coco/2017", needs="boxes").load(0)
    assert (example.image.shape, example.boxes.tolist()) == ((24, 32, 3), [[0, 0, 32, 12]])
    assert open_source("tfds:coco/2017", needs="none").load(0).image.shape == (32, 24, 3)


def test_boxes_of_coco(monkeypatch, tmp_path):
    bbox = np.array([[0, 0.25, 0.5, 1], [0.5, 0.5, 0.5, 0.75], [0, 0, 1, 1.25]], np.float32)
    records = [
        objects("a.jpg", bbox=bbox, label=[79, 0, 3], is_crowd=[False, False, True], area=[9, 8, 7], id=[1, 2, 3]),
        objects("b.jpg", bbox=[[0, 0, np.nan, 1]], label=[0], is_crowd=[False], area=[1], id=[4]),
    ]
    boxed(monkeypatch, tmp_path, records)
    source = open_source("tfds:coco/2017", needs="boxes")
    # TFDS learns the names of COCO's classes when it prepares the data.
    assert (len(source.class_names), list(source.box_counts)) == (80, [3, 1])
    example = source.load(0)
    assert example.boxes.tolist() == [[8, 0, 32, 12], [0, 0, 32, 24]]
    assert (example.classes.tolist(), example.crowd.tolist(), example.areas.tolist()) == (
        [79, 3],
        [False, True],
        [9, 7],
    )
    assert example.repairs == (NO_EXTENT, OVER_EDGE)
    with pytest.raises(DataError, match=r"a bbox of b\.jpg in tfds:coco/2017 holds no number"):
        source.load(1)


def test_boxes_made_up_by_tfds(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    rng = np.random.default_rng(0)

    def box(self, _):
        low, high = np.sort(rng.random((2, 2)), axis=0)
        return np.concatenate([low, high]).astype(np.float32)

    def generator(*args, **kwargs):
        return whole(*args, **{**kwargs, "constant_dynamic_shape": True})

    # TFDS makes up corners in any order, and parts of an object in different numbers.
    monkeypatch.setattr(tfds.features.BBoxFeature, "encode_example", box)
    whole = tfds.testing.mocking.EncodedRandomFakeGenerator
    monkeypatch.setattr(tfds.testing.mocking, "EncodedRandomFakeGenerator", generator)
    with tfds.testing.mock_data(num_examples=2):
        for name in ("voc/2007", "coco/2017"):
            source = open_source(f"tfds:{name}:validation", needs="boxes")
            example = source.load(1)
            assert len(example.boxes) == len(example.classes) == source.box_counts[1] > 0
            faults = scan(source, quiet=True)
            assert (faults.faults, faults.facts["boxes"].pictures) == ([], 2)
        with pytest.raises(UsageError, match=r"known boxes \(voc, coco\)"):
            open_source("tfds:oxford_iiit_pet", needs="boxes")
        with pytest.raises(UsageError, match=r"known boxes \(voc, coco\); coco has the features .*panoptic_objects"):
            open_source("tfds:coco/2017_panoptic", needs="boxes")


def test_what_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(UsageError, match="no name"):
        open_source("tfds:")
    with pytest.raises(UsageError, match="no TFDS data set nosuchset") as raised:
        open_source("tfds:nosuchset")
    assert len(str(raised.value).splitlines()) == 1
    with pytest.raises(UsageError, match="ecssd"):
        open_source("tfds:saliency_sets/nosuch")
    with pytest.raises(DataError, match=r"oxford_iiit_pet is not prepared in .*array_record") as raised:
        open_source("tfds:oxford_iiit_pet:train")
    assert str(tmp_path) in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


@pytest.fixture
def ecssd(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    manual = tmp_path / "downloads" / "manual" / "ecssd"
    rng = np.random.default_rng(0)
    for folder in ("images", "ground_truth_mask"):
        (manual / folder).mkdir(parents=True)
    for number in range(10):
        pixels = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        (manual / "images" / f"{number}.png").write_bytes(encode(pixels))
        mask = np.where(rng.random((24, 32)) > 0.5, 255, 0).astype(np.uint8)
        (manual / "ground_truth_mask" / f"{number}.png").write_bytes(encode(mask))
    return tmp_path


def test_slices_random_access_and_threads(ecssd):
    source = open_source("tfds:saliency_sets/ecssd:test")
    part = open_source("tfds:saliency_sets/ecssd:test[20%:50%]")
    assert list(part.names) == ["2", "3", "4"]
    np.testing.assert_array_equal(part.load(1).image, source.load(3).image)
    order = np.random.default_rng(0).integers(0, 10, 60).tolist()
    serial = [source.load(index) for index in order]
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(source.load, order))
    for one, other in zip(serial, parallel):
        assert one.name == other.name
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.mask, other.mask)
    with pytest.raises(IndexError):
        source.load(10)
    with pytest.raises(UsageError, match="no split train: it has test"):
        open_source("tfds:saliency_sets/ecssd:train")


def test_tfrecord_is_read_in_any_order(ecssd):
    from metricfit.trainers.data.sources import saliency_sets

    builder = saliency_sets.SaliencySets(config="ecssd", data_dir=ecssd, file_format="tfrecord")
    builder.download_and_prepare()
    source = open_source("tfds:saliency_sets/ecssd:test[20%:50%]")
    assert list(source.names) == ["2", "3", "4"]
    for index in (2, 0, 1):
        name = source.names[index]
        expected = Image.open(ecssd / f"downloads/manual/ecssd/images/{name}.png")
        np.testing.assert_array_equal(source.load(index).image, np.asarray(expected))


def test_a_format_without_random_access(ecssd, monkeypatch):
    open_source("tfds:saliency_sets/ecssd:test")

    def refuse(self, split, *, decoders):
        raise NotImplementedError

    monkeypatch.setattr("tensorflow_datasets.core.dataset_builder.DatasetBuilder.as_data_source", refuse)
    with pytest.raises(DataError, match="prepared as array_record, which has no random access"):
        open_source("tfds:saliency_sets/ecssd:test")
