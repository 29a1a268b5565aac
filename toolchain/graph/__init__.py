# SPDX-License-Identifier: Apache-2.0
"""The spine: one immutable integer Graph, what it means, and where its bytes lie. Numpy only."""
