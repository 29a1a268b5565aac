# SPDX-License-Identifier: Apache-2.0
"""The profiler: exact counts of what runs on an emulated core, and cycles estimated from a documented table.

trace.py          runs QEMU with plugin/block_counts.c  ->  Trace: blocks, contexts, edges
instructions.py   what the bytes of the blocks say      ->  Instruction, Kind
symbols.py        names and lines of the ELF file       ->  Symbols
timing/           a table a core                        ->  cycles of a block
calls.py          all of it together                    ->  CallTree of Tally
firmware.py       a network on a board                  ->  Profile
"""

from toolchain.device.profile.calls import Call
from toolchain.device.profile.elf import ElfProfile, profile_elf
from toolchain.device.profile.firmware import LayerProfile, Profile, emulated_stand_in, profile_model
from toolchain.device.profile.instructions import Kind
from toolchain.device.profile.tally import Tally

__all__ = [
    "Call",
    "ElfProfile",
    "Kind",
    "LayerProfile",
    "Profile",
    "Tally",
    "emulated_stand_in",
    "profile_elf",
    "profile_model",
]
