# SPDX-License-Identifier: Apache-2.0
"""Figures into text: tables, Markdown, HTML, JUnit, JSON. Computes nothing."""
