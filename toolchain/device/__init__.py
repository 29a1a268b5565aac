# SPDX-License-Identifier: Apache-2.0
"""Whatever runs outside of Python: compilers, linked files, emulators, flashers. The only home of processes."""
