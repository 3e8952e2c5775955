# SPDX-License-Identifier: GPL-3.0-or-later
"""One image and one lab for the tests of the container."""

import os
import pathlib

import pytest

from lib.container import SOURCE, Podman, build_package

WORK = pathlib.Path(os.environ.get("MAILHERD_CONTAINER_WORK",
                                   SOURCE / "build/check/container"))


@pytest.fixture(scope="session")
def podman():
    engine = Podman(WORK)
    try:
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    return build_package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def image(podman, package):
    podman.make_base(WORK / "debian-slim.tar")
    podman.build_image(package, "localhost/mailherd:test")
    return "localhost/mailherd:test"
