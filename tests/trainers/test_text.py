"""Text files in the encodings that editors write are read rightly, or refused by their name with what to do."""

import pytest

from metricfit.trainers.errors import DataError
from metricfit.trainers.text import composed, decode_text, folded, read_json, read_text

NAMES = "äb\r\nMöwe 1\r\n日本\r\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_every_form_of_unicode_is_read(tmp_path, encoding):
    data = NAMES.encode(encoding)
    if encoding in ("utf-32-le", "utf-32-be"):  # without a mark nobody writes these
        data = "\ufeff".encode(encoding) + data
    (tmp_path / "names.txt").write_bytes(data)
    assert read_text(tmp_path / "names.txt") == NAMES


@pytest.mark.parametrize("data", ["a\r\nb\r\n".encode("utf-16-le"), "日本\n中\n".encode("utf-16-be")])
def test_utf16_without_a_mark_is_known_by_its_line_ends(data):
    assert decode_text(data, "names.txt").split() in (["a", "b"], ["日本", "中"])


def test_the_end_of_file_that_dos_wrote_is_no_text():
    assert decode_text(b"a\r\nb\r\n\x1a", "train.txt") == "a\r\nb\r\n"


@pytest.mark.parametrize("page", ["cp1252", "cp932", "gb18030", "cp1251"])
def test_old_code_pages_are_read_where_names_show_which_one_it_is(page):
    name = {"cp1252": "Möwe", "cp932": "日本", "gb18030": "照片", "cp1251": "чайка"}[page]
    assert decode_text(name.encode(page), "train.txt", lambda text: text == name) == name
    with pytest.raises(DataError, match=r"train\.txt is not written in UTF-8 \(line 1 holds the byte .*UTF-8$"):
        decode_text(name.encode(page), "train.txt", lambda text: text == "another")
    with pytest.raises(DataError, match=r"classes\.txt is not written in UTF-8 \(line 2 "):
        decode_text(b"sky\n" + name.encode(page), "classes.txt")


def test_xml_is_decoded_as_it_declares_and_others_are_not():
    declared = '<?xml version="1.0" encoding="gb2312"?><name>照片</name>'
    assert decode_text(declared.encode("gb2312"), "a.xml") == declared
    assert decode_text(declared.encode("utf-8"), "a.xml") == declared, "saved anew, with the old declaration"
    with pytest.raises(DataError, match=r"a\.xml is not written in UTF-8"):
        decode_text("<?xml version='1.0' encoding='klingon'?>ä".encode("latin-1"), "a.xml")


@pytest.mark.parametrize("data", [b"PK\x03\x04\x00\x00", b"\x89PNG\r\n\x1a\n\x00\x00", b"\xff\xfea", b"a\x01b"])
def test_what_is_no_text_is_refused_by_its_name(data):
    with pytest.raises(DataError, match=r"train\.txt (cannot be read as text|is not written in UTF-8)"):
        decode_text(data, "train.txt")


def test_json_in_any_encoding_and_what_is_none(tmp_path):
    path = tmp_path / "a.json"
    for encoding in ("utf-8-sig", "utf-16"):
        path.write_text('{"name": "Möwe"}', encoding=encoding)
        assert read_json(path) == {"name": "Möwe"}
    path.write_text('{"name": ')
    with pytest.raises(DataError, match=r"a\.json cannot be read as JSON \(Expecting value: line 1"):
        read_json(path)
    with pytest.raises(DataError, match=r"b\.json cannot be read \(No such file"):
        read_json(tmp_path / "b.json")


def test_both_forms_of_an_accent_are_one_name():
    assert composed("mo\u0308we") == "m\u00f6we"
    assert folded("MO\u0308WE") == folded("m\u00f6we")
