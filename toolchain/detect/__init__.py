# SPDX-License-Identifier: Apache-2.0
"""Detection on streams: how often a keyword is missed, and how often one is heard that nobody said.

words, pauses, background ──mix──> stream ──front end──> rows ──network──> outputs, one a decision
                                      │                                        │
                                      │ when each keyword was said             v
                                      v                        posteriors, smoothed; threshold, refractory time
                                   counts a threshold <──────────── detections
                                      │
                                      v
                                   DET curve, operating points, confidence intervals
"""
