"""The layouts that `auto:PATH` and bare paths recognise.

To add one: a function `readings(tree, asked)` in a file of this folder, and a `Layout` in `LAYOUTS` below. The function
looks at the names in the `Tree` (it opens files only where names cannot tell, and few of them), and gives a `Reading`
for each way in which the folder can be read, none where it is another layout's. A reading opens one of the sources that
exist, with parameters (`FolderSource`, `CocoSource`, ...), and is as `sure` as what it has seen. Where `tree.split` is
named it is about that part alone; where none is named and there are several, `splits` lists them.
"""

from ..boxes.coco import coco_readings
from ..boxes.cvat import cvat_readings
from ..boxes.labelme import labelme_readings
from ..boxes.tfds_folder import tfds_readings
from ..boxes.voc import voc_readings
from ..boxes.yolo import yolo_readings
from .base import Layout
from .class_maps import cityscapes_readings, roboflow_map_readings, voc_map_readings
from .pairs import pair_readings, picture_readings
from .polygons import labelme_map_readings
from .side_by_side import alpha_readings, equal_readings, tail_readings
from .two_folders import two_readings

LAYOUTS = (
    Layout("folder", "images/ and masks/ or labels/ of equal names", ("mask", "labels"), pair_readings),
    Layout("guessed from the files", "two folders that pair off, one of masks", ("mask", "labels"), two_readings),
    Layout("side by side", "x.jpg beside x_mask.png", ("mask", "labels"), tail_readings),
    Layout("side by side", "x.jpg beside x.png", ("mask", "labels"), equal_readings),
    Layout("alpha", "pictures with the mask in their alpha", ("mask",), alpha_readings),
    Layout("voc", "JPEGImages/ and SegmentationClass/", ("labels",), voc_map_readings),
    Layout("cityscapes", "leftImg8bit/ and gtFine/", ("labels",), cityscapes_readings),
    Layout("roboflow", "_classes.csv with x.jpg beside x_mask.png", ("labels",), roboflow_map_readings),
    Layout("voc", "pictures and XML files as Pascal VOC has them", ("boxes",), voc_readings),
    Layout("yolo", "data.yaml, or pictures and text files as YOLO has them", ("boxes",), yolo_readings),
    Layout("coco", "pictures and a JSON file as COCO has it", ("boxes", "labels"), coco_readings),
    Layout("labelme", "pictures and JSON files of labelme", ("boxes",), labelme_readings),
    Layout("labelme", "pictures and JSON files of labelme", ("labels",), labelme_map_readings),
    Layout("tfds", "files that TFDS have prepared", ("boxes",), tfds_readings),
    Layout("cvat", "pictures and annotations.xml of CVAT", ("boxes",), cvat_readings),
    Layout("pictures", "pictures", ("none",), picture_readings),
)
