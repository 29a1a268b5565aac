# SPDX-License-Identifier: Apache-2.0
"""Streams: hours of words, pauses and background, mixed of a corpus' clips and recordings; the same bytes anywhere.

clips ──> Speech: where each word is in its clip, how loud ──┐
recordings of background ────────────────────────────────────┼──> ScenePlan, drawn ──> Stream ──> int16 samples
StreamRecipe: every number ──────────────────────────────────┘
"""
