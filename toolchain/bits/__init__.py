# SPDX-License-Identifier: Apache-2.0
"""How many bits each layer's weights get under a flash budget: prices, sensitivities, exact search. No torch."""
