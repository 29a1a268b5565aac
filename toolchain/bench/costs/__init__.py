# SPDX-License-Identifier: Apache-2.0
"""`make costs`: measures every kernel on every core, and writes toolchain/export/c/costs/<core>.toml.

shapes.py    generated layers, of sizes that nobody tunes a kernel to
count.py     each of them by each kernel that takes it, under the profiler
fit.py       cycles and instructions as linear forms of the layer's features
__main__.py  all of it, for all cores, into the files
"""
