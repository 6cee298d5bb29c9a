"""Reading files out of archives as they were published: .zip, .tgz, or the folder they were unpacked into."""

import re
import tarfile
import threading
import zipfile
from pathlib import Path, PurePosixPath

from ...errors import DataError
from ..images import NamedBytes

ENDINGS = (".zip", ".tgz", ".tar.gz", ".tar")
"""The archives that can be read as they are; others (.rar, .7z) must be unpacked."""


class Archive:
    """The files of a .zip, a .tar or .tgz, or a folder, without what macOS and hidden files add."""

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()
        self._zip: zipfile.ZipFile | None = None
        self._tar: tarfile.TarFile | None = None
        try:
            if path.is_dir():
                files = [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]
            elif path.name.lower().endswith(".zip"):
                self._zip = zipfile.ZipFile(path)
                files = [entry.filename for entry in self._zip.infolist() if not entry.is_dir()]
            else:
                self._tar = tarfile.open(path)  # noqa: SIM115  (read from as long as the archive lives)
                files = [entry.name.removeprefix("./") for entry in self._tar.getmembers() if entry.isfile()]
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
            raise DataError(f"{path} cannot be read as an archive ({error}): download it again") from error
        self.files = sorted(file for file in files if not re.search(r"(^|/)(__MACOSX/|\.)", file))

    def read(self, file: str) -> NamedBytes:
        """Read one of `files`."""
        try:
            with self._lock:
                if self._zip is not None:
                    data = self._zip.read(file)
                elif self._tar is not None:
                    stored = self._tar.extractfile(file if file in self._tar.getnames() else f"./{file}")
                    data = stored.read() if stored is not None else b""
                else:
                    data = (self.path / file).read_bytes()
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
            raise DataError(f"{file} in {self.path} is damaged ({error}): download the archive again") from error
        return NamedBytes(data, f"{self.path}/{file}")

    def below(self, folder: str, suffixes: tuple[str, ...]) -> list[str]:
        """List the files with one of some endings whose folder is, or ends in, `folder` (any folder when empty)."""
        files = [file for file in self.files if file.lower().endswith(suffixes)]
        return [file for file in files if not folder or f"/{PurePosixPath(file).parent}/".endswith(f"/{folder}/")]


def open_archive(folders: list[Path], name: str) -> Archive | None:
    """Open the archive of a name without ending (`DUTS-TR`), or the folder of that name, from the first that has it."""
    for folder in folders:
        for ending in (*ENDINGS, ""):
            path = folder / f"{name}{ending}"
            if path.is_file() if ending else path.is_dir():
                return Archive(path)
        for ending in (".rar", ".7z"):
            if (folder / f"{name}{ending}").is_file():
                raise DataError(f"{folder / name}{ending} must be unpacked first: unpack it into {folder / name}/")
    return None
