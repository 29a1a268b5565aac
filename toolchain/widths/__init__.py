# SPDX-License-Identifier: Apache-2.0
"""What each width of weights costs on boards, and whether every judge agrees at it, before anything is trained."""
