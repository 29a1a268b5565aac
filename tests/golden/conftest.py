# SPDX-License-Identifier: Apache-2.0
"""`pytest tests/golden --rewrite-golden` (make golden) writes what is compared otherwise; the diff is reviewed."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known only where tests/golden is named on the command line."""
    parser.addoption("--rewrite-golden", action="store_true", help="rewrite tests/golden from today's generator")


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> bool:
    """Whether the files are to be rewritten."""
    return bool(request.config.getoption("--rewrite-golden", default=False))
