# SPDX-License-Identifier: Apache-2.0
"""Does everything that can run the network give the same integers? Judges, inputs, and their agreement."""
