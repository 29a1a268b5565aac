# SPDX-License-Identifier: Apache-2.0
"""Our engine on benchmark networks, core by core, beside what is known of the peers."""
