# SPDX-License-Identifier: Apache-2.0
"""Budgets: limits that people write down, figures of a model, and the verdict when one is held against the other."""
