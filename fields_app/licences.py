"""Whose work the program stands on: the packages it depends on, with their licences, as installed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

_OURS = "fields-head"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TEXT_FILE = re.compile(r"(licen[cs]e|copying|notice)[^/]*$", re.IGNORECASE)
_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class PackageLicence:
    """One installed package."""

    name: str
    version: str
    licence: str
    """Its name, as the package states it; "see text" where it does not."""
    url: str = ""

    def text(self) -> str:
        """The licence texts that the package carries; "" if it carries none."""
        return "\n\n".join(_texts(metadata.distribution(self.name)))


def package_licences() -> list[PackageLicence]:
    """Of this program and what it directly depends on, by name; packages that are not installed are left out."""
    names = {_OURS}
    for requirement in metadata.requires(_OURS) or ():
        name = _NAME.match(requirement)
        if name is not None and "extra ==" not in requirement:
            names.add(name[0])
    return sorted(_known(names), key=lambda package: package.name.lower())


def _known(names: set[str]) -> Iterator[PackageLicence]:
    for name in names:
        try:
            about = _Headers(metadata.metadata(name))
        except metadata.PackageNotFoundError:
            continue
        pages = [entry.split(",", 1)[1].strip() for entry in about.all("Project-URL") if "," in entry]
        url = next((page for page in (about.first("Home-page"), *pages) if page), "")
        yield PackageLicence(about.first("Name"), about.first("Version"), _licence(about), url)


class _Headers:
    """A package's metadata, in which any header may be missing."""

    def __init__(self, message: metadata.PackageMetadata) -> None:
        self._message = message

    def all(self, name: str) -> list[str]:
        return [str(value).strip() for value in self._message.get_all(name) or ()]

    def first(self, name: str) -> str:
        return next(iter(self.all(name)), "")


def _licence(about: _Headers) -> str:
    classified = [c.split(" :: ")[-1] for c in about.all("Classifier") if c.startswith("License ::")]
    line = about.first("License").splitlines()[:1]
    return about.first("License-Expression") or ", ".join(classified) or (line[0][:60] if line else "see text")


def _texts(package: metadata.Distribution) -> Iterator[str]:
    for file in package.files or ():
        path = Path(str(package.locate_file(file)))
        if _TEXT_FILE.search(str(file)) and ".dist-info" in str(file) and path.is_file():
            yield path.read_bytes()[:_MAX_BYTES].decode("utf-8", "replace")
