"""The page in a real browser: by mouse, keyboard and camera, in errors; and that it loads nothing from elsewhere."""

import re

import pytest

from ..fakes import disc
from .browser import Browser, find_browser
from .clients import RUNNERS, ask, encoded, served, service_of

ELEMENT = "document.getElementById('{}')"
SHOWN = "!document.getElementById('result').hidden && !document.body.classList.contains('busy')"


@pytest.mark.parametrize("task", RUNNERS)
def test_the_page_is_whole_and_names_no_other_place(task):
    service = service_of(task, name="<b>model & co</b>", bytes=12_000_000)
    page = ask(service, "/", method="GET")
    text = page.body.decode()
    assert "&lt;b&gt;model &amp; co&lt;/b&gt;" in text
    assert "<b>model" not in text
    assert "Up to 12&nbsp;MB and 25&nbsp;megapixels" in text
    assert not re.search(r"\$[a-z{]", text)
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert not re.search(r"<[^>]*\s(?:on\w+|style)=", text), "the policy forbids them"
    for file in re.findall(r'(?:src|href)="([^"]+)"', text):
        assert file == "data:," or ask(service, f"/{file}", method="GET").status == 200
    for file in ("/", "/page.js", "/page.css"):
        assert "//" not in re.sub(r"// .*", "", ask(service, file, method="GET").body.decode())


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if find_browser() is None:
        pytest.skip("there is no Chromium on this machine")
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


def text(browser, name):
    return browser.run(ELEMENT.format(name) + ".textContent")


def test_a_person_gives_a_picture_and_moves_the_threshold(browser, tmp_path):
    (tmp_path / "disc.png").write_bytes(encoded())
    service = service_of("saliency")
    with served(service) as (port, _):
        browser.errors.clear()
        browser.look(1000, 800)
        browser.open(f"http://127.0.0.1:{port}/")
        browser.choose("#file", tmp_path / "disc.png")
        browser.until(SHOWN)
        assert text(browser, "status") == "Found 1 object."
        assert text(browser, "caption") == "160 × 120 · 1 object"
        assert "0.5" in text(browser, "shown")
        first = browser.run(ELEMENT.format("picture") + ".src")
        assert first.startswith("data:image/jpeg")
        # By keyboard alone: from the beginning to the slider, and along it.
        browser.run("document.activeElement.blur()")
        places = []
        for _ in range(8):
            browser.press("Tab", 9)
            places.append(browser.run("document.activeElement.id || document.activeElement.tagName"))
            if places[-1] == "threshold":
                break
        assert places == ["choose", "camera", "threshold"]
        browser.press("End", 35)
        browser.until(f"{ELEMENT.format('shown')}.textContent === '1' && {SHOWN}")
        browser.until(f"{ELEMENT.format('picture')}.src !== {first!r}")
        assert browser.run(ELEMENT.format("reset") + ".disabled") is False
        browser.press("Tab", 9)
        browser.press("Enter", 13, "\r")
        browser.until(f"{ELEMENT.format('picture')}.src === {first!r}")
        browser.run("view.value = 'cutout'; view.dispatchEvent(new Event('change'))")
        browser.until(f"{ELEMENT.format('picture')}.src !== {first!r} && {SHOWN}")
        browser.run("view.value = ''; view.dispatchEvent(new Event('change'))")
        browser.until(f"{ELEMENT.format('picture')}.src.startsWith('blob:') && {SHOWN}")
        assert browser.run(ELEMENT.format("save") + ".download") == "disc-picture.jpg"
        assert f"http://127.0.0.1:{port}/predict" in text(browser, "curl")
        elsewhere = "performance.getEntriesByType('resource').filter((one) => !/^(blob|data):/.test(one.name) && "
        assert browser.run(elsewhere + "!one.name.startsWith(location.origin + '/')).length") == 0
        assert browser.errors == []


def test_the_page_fits_a_phone(browser, tmp_path):
    (tmp_path / "disc.png").write_bytes(encoded())
    with served(service_of("detection")) as (port, _):
        browser.errors.clear()
        browser.look(360, 740)
        browser.open(f"http://127.0.0.1:{port}/")
        browser.choose("#file", tmp_path / "disc.png")
        browser.until(SHOWN)
        assert browser.run("document.documentElement.scrollWidth") <= 360
        assert text(browser, "shown") == "by class"
        assert "disc" in text(browser, "found")
        assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        browser.look(360, 740, dark=True)
        assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 29)"
        assert browser.errors == []


def test_what_goes_wrong_is_said_on_the_page(browser, tmp_path):
    (tmp_path / "none.png").write_bytes(b"nonsense")
    (tmp_path / "large.png").write_bytes(b"x" * 60_000)
    (tmp_path / "disc.png").write_bytes(encoded())
    wrong = f"!{ELEMENT.format('problem')}.hidden"
    with served(service_of("segmentation", bytes=50_000)) as (port, _):
        browser.look(1000, 800)
        browser.open(f"http://127.0.0.1:{port}/")
        browser.choose("#file", tmp_path / "none.png")
        browser.until(wrong)
        assert text(browser, "problem").startswith("This is no picture that the server reads")
        browser.choose("#file", tmp_path / "disc.png")
        browser.until(SHOWN)
        assert not browser.run(wrong)
        assert re.fullmatch(r"160 × 120 · 1 object · background [\d.]+ % · bright [\d.]+ %", text(browser, "caption"))
        browser.choose("#file", tmp_path / "large.png")
        browser.until(wrong)
        assert "too large" in text(browser, "problem")
        browser.choose("#file", tmp_path / "disc.png")
        browser.until(f"{SHOWN} && !({wrong})")
    browser.run("ask()")
    browser.until(wrong)
    assert text(browser, "problem") == "The server cannot be reached: is it still running?"


def test_pictures_are_dropped_pasted_and_taken(browser):
    picture = encoded(disc(90, 130, 60, 20))
    make = (
        f"const file = new File([new Uint8Array({list(picture)})], 'a.png', {{type: 'image/png'}});"
        "const data = new DataTransfer(); data.items.add(file);"
    )
    with served(service_of("saliency")) as (port, _):
        browser.errors.clear()
        browser.open(f"http://127.0.0.1:{port}/")
        for event in (
            "new DragEvent('drop', {dataTransfer: data})",
            "new ClipboardEvent('paste', {clipboardData: data})",
        ):
            browser.run("document.getElementById('result').hidden = true")
            browser.run(f"{{ {make} document.dispatchEvent({event}); }}")
            browser.until(SHOWN)
            assert text(browser, "caption").startswith("130 × 90")
        browser.run("document.getElementById('result').hidden = true; document.getElementById('camera').click()")
        browser.until("document.getElementById('live').open && video.videoWidth")
        browser.press("Enter", 13, "\r")  # the first button is that which takes it
        browser.until(SHOWN)
        assert not browser.run("document.getElementById('live').open")
        assert browser.run("video.srcObject === null"), "the camera is let go"
        assert not text(browser, "caption").startswith("130 × 90")
        assert browser.errors == []
