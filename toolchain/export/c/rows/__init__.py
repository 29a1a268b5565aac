# SPDX-License-Identifier: Apache-2.0
"""The rows of the kernel table (export/c/kernel_table.py), one module a family of kernels."""
