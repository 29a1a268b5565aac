# SPDX-License-Identifier: Apache-2.0
"""`python -m toolchain.device.profile.plugin`: build the plugin now, at set-up, and say where it is."""

import sys

from toolchain.device.profile.plugin import plugin_library
from toolchain.errors import ToolError

try:
    print(plugin_library())
except ToolError as error:
    sys.exit(f"error: {error}")
