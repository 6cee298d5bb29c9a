"""What is known of seven saliency data sets: what to download from where, how it is laid out, whom to cite."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where files of one kind lie.

    Attributes:
        archive: the archive's name without its ending; a folder of that name does as well.
        folder: the last part of the path within, empty for any.
    """

    archive: str
    folder: str = ""


@dataclass(frozen=True)
class Part:
    """Images and masks that are published together, paired by stem.

    Attributes:
        places: (images, masks) pairs of places; the first whose archives are there and hold images is read. Where both
            are the same, the .jpg files are images and the .png files masks.
        split: the split they make up, or empty when lists divide them.
    """

    places: tuple[tuple[Place, Place], ...]
    split: str = ""


@dataclass(frozen=True)
class Layout:
    """One data set.

    Attributes:
        title: its usual name.
        pairs: the number of pairs published.
        description: one or two sentences.
        instructions: what to download, from where, on what terms.
        homepage: its page.
        citation: bibTeX.
        parts: its images and masks.
        lists: split -> file names of its list, without ending (.txt with one name in each line, or .mat).
        without_mask: stems of images that were published without a mask, and are left out.
    """

    title: str
    pairs: int
    description: str
    instructions: str
    homepage: str
    citation: str
    parts: tuple[Part, ...]
    lists: dict[str, tuple[str, ...]] | None = None
    without_mask: tuple[str, ...] = ()


_NO_LICENCE = "No licence is stated; the photos belong to others: research use, do not pass on."

LAYOUTS: dict[str, Layout] = {
    "msra_b": Layout(
        title="MSRA-B",
        pairs=5000,
        description="5000 images with mostly one salient object, high contrast; pixel masks by Jiang et al. (2013).",
        instructions=(
            "MSRA-B.zip from http://mftp.mmcheng.net/Data/MSRA-B.zip (page: https://mmcheng.net/msra10k/): a .jpg"
            " and a .png of the same stem in one folder. The split of Jiang et al. (2500, 500, 2000) is not in "
            "the archive: lay train_cvpr2013.txt, valid_cvpr2013.txt and test_cvpr2013.txt (one file name in each"
            " line, as several published trainers carry them) beside it for the splits train, validation and "
            f"test; without them there is one split, full. {_NO_LICENCE}"
        ),
        homepage="https://mmcheng.net/msra10k/",
        citation="""@article{liu2011learning,
  title = {Learning to Detect a Salient Object},
  author = {Liu, Tie and Yuan, Zejian and Sun, Jian and Wang, Jingdong and Zheng, Nanning and Tang, Xiaoou and
            Shum, Heung-Yeung},
  journal = {IEEE Transactions on Pattern Analysis and Machine Intelligence},
  volume = {33}, number = {2}, pages = {353--367}, year = {2011}
}
@inproceedings{jiang2013salient,
  title = {Salient Object Detection: A Discriminative Regional Feature Integration Approach},
  author = {Jiang, Huaizu and Wang, Jingdong and Yuan, Zejian and Wu, Yang and Zheng, Nanning and Li, Shipeng},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition}, year = {2013}
}""",
        # The first pair of places is how trainers that carry the split lists re-sort the archive.
        parts=(Part(((Place("MSRA-B", "image"), Place("MSRA-B", "annotation")), (Place("MSRA-B"), Place("MSRA-B")))),),
        lists={
            "train": ("train_cvpr2013", "trainImgSet"),
            "validation": ("valid_cvpr2013", "valImgSet"),
            "test": ("test_cvpr2013", "testImgSet"),
        },
    ),
    "ecssd": Layout(
        title="ECSSD",
        pairs=1000,
        description="1000 images with meaningful but complex structure; used for testing.",
        instructions=(
            "images.zip and ground_truth_mask.zip from "
            "https://www.cse.cuhk.edu.hk/leojia/projects/hsaliency/dataset.html (the ECSSD ones; CSSD has files "
            f"of the same names). {_NO_LICENCE}"
        ),
        homepage="https://www.cse.cuhk.edu.hk/leojia/projects/hsaliency/dataset.html",
        citation="""@article{shi2016hierarchical,
  title = {Hierarchical Image Saliency Detection on Extended CSSD},
  author = {Shi, Jianping and Yan, Qiong and Xu, Li and Jia, Jiaya},
  journal = {IEEE Transactions on Pattern Analysis and Machine Intelligence},
  volume = {38}, number = {4}, pages = {717--729}, year = {2016}
}""",
        parts=(Part(((Place("images"), Place("ground_truth_mask")),), "test"),),
    ),
    "hku_is": Layout(
        title="HKU-IS",
        pairs=4447,
        description="4447 images of low contrast, with several objects or objects at the border.",
        instructions=(
            "HKU-IS.rar, linked from https://i.cs.hku.hk/~gbli/deep_saliency.html (also "
            "https://sites.google.com/site/ligb86/hkuis); unpack it into HKU-IS/, which then holds imgs/, gt/ and"
            " trainImgSet.mat, valImgSet.mat, testImgSet.mat (2500, 500, 1447; reading them needs scipy; lists of"
            f" the same names ending in .txt do as well). Without lists there is one split, full. {_NO_LICENCE}"
        ),
        homepage="https://i.cs.hku.hk/~gbli/deep_saliency.html",
        citation="""@inproceedings{li2015visual,
  title = {Visual Saliency Based on Multiscale Deep Features},
  author = {Li, Guanbin and Yu, Yizhou},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition}, pages = {5455--5463}, year = {2015}
}""",
        parts=(Part(((Place("HKU-IS", "imgs"), Place("HKU-IS", "gt")),)),),
        lists={"train": ("trainImgSet",), "validation": ("valImgSet",), "test": ("testImgSet",)},
    ),
    "pascal_s": Layout(
        title="PASCAL-S",
        pairs=850,
        description="850 images of PASCAL VOC 2010; graded masks (the share of subjects), cut at 0.5.",
        instructions=(
            "salObj.zip from http://cbs.ic.gatech.edu/salobj/ (with algorithms and results; only "
            "datasets/imgs/pascal and datasets/masks/pascal are read). The images are under the terms of PASCAL "
            "VOC (Flickr); no licence is stated for the masks: research use, do not pass on."
        ),
        homepage="http://cbs.ic.gatech.edu/salobj/",
        citation="""@inproceedings{li2014secrets,
  title = {The Secrets of Salient Object Segmentation},
  author = {Li, Yin and Hou, Xiaodi and Koch, Christof and Rehg, James M. and Yuille, Alan L.},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition}, pages = {280--287}, year = {2014}
}""",
        parts=(Part(((Place("salObj", "imgs/pascal"), Place("salObj", "masks/pascal")),), "test"),),
    ),
    "sod": Layout(
        title="SOD",
        pairs=300,
        description="300 images of the Berkeley segmentation data set, of low contrast, outlined by seven subjects.",
        instructions=(
            "SOD.zip from https://www.elderlab.yorku.ca/resources/salient-objects-dataset-sod/ (one SO*.mat of "
            "outlines for each image) and BSDS300-images.tgz from "
            "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/segbench/; reading needs scipy. "
            "A pixel is taken as salient when at least half of the sessions put it into their most salient object"
            " (IMP = 1). Papers use binary masks that others derived by rules of their own: to get their numbers,"
            " lay their images and masks (.jpg and .png of the same stem, in one folder or two) into SOD/ "
            "instead. Terms of BSDS: non-commercial research and education; no licence is stated for the "
            "outlines."
        ),
        homepage="https://www.elderlab.yorku.ca/resources/salient-objects-dataset-sod/",
        citation="""@inproceedings{movahedi2010design,
  title = {Design and Perceptual Validation of Performance Measures for Salient Object Segmentation},
  author = {Movahedi, Vida and Elder, James H.},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition Workshops}, pages = {49--56}, year = {2010}
}
@inproceedings{martin2001database,
  title = {A Database of Human Segmented Natural Images and its Application to Evaluating Segmentation Algorithms and
           Measuring Ecological Statistics},
  author = {Martin, David and Fowlkes, Charless and Tal, Doron and Malik, Jitendra},
  booktitle = {IEEE International Conference on Computer Vision}, year = {2001}
}""",
        parts=(
            Part(
                (
                    (Place("SOD"), Place("SOD")),
                    (Place("BSDS300-images"), Place("SOD")),
                    (Place("BSDS300"), Place("SOD")),
                ),
                "test",
            ),
        ),
    ),
    "dut_omron": Layout(
        title="DUT-OMRON",
        pairs=5168,
        description="5168 images with one or more salient objects on complex backgrounds; used for testing.",
        instructions=(
            "DUT-OMRON-image.zip and DUT-OMRON-gt-pixelwise.zip.zip (so it is called) from "
            f"http://saliencydetection.net/dut-omron/. {_NO_LICENCE}"
        ),
        homepage="http://saliencydetection.net/dut-omron/",
        citation="""@inproceedings{yang2013saliency,
  title = {Saliency Detection via Graph-Based Manifold Ranking},
  author = {Yang, Chuan and Zhang, Lihe and Lu, Huchuan and Ruan, Xiang and Yang, Ming-Hsuan},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition}, pages = {3166--3173}, year = {2013}
}""",
        parts=(
            Part(
                (
                    (Place("DUT-OMRON-image"), Place("DUT-OMRON-gt-pixelwise.zip")),
                    (Place("DUT-OMRON-image"), Place("DUT-OMRON-gt-pixelwise")),
                ),
                "test",
            ),
        ),
        # Removed by the authors in 2018, still in older copies of the archive.
        without_mask=("img_561715398", "sun_bqfgwnmzhjwuphdi", "sun_bswlalhygmnrhvuw", "sun_buaqzytduodbufcb"),
    ),
    "duts": Layout(
        title="DUTS",
        pairs=15572,
        description="10553 training images (ImageNet DET) and 5019 test images (ImageNet DET test, SUN).",
        instructions=f"DUTS-TR.zip and DUTS-TE.zip from http://saliencydetection.net/duts/. {_NO_LICENCE}",
        homepage="http://saliencydetection.net/duts/",
        citation="""@inproceedings{wang2017learning,
  title = {Learning to Detect Salient Objects with Image-Level Supervision},
  author = {Wang, Lijun and Lu, Huchuan and Wang, Yifan and Feng, Mengyang and Wang, Dong and Yin, Baocai and
            Ruan, Xiang},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition}, pages = {136--145}, year = {2017}
}""",
        parts=(
            Part(((Place("DUTS-TR", "DUTS-TR-Image"), Place("DUTS-TR", "DUTS-TR-Mask")),), "train"),
            Part(((Place("DUTS-TE", "DUTS-TE-Image"), Place("DUTS-TE", "DUTS-TE-Mask")),), "test"),
        ),
    ),
}
