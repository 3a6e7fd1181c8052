"""The compiled code for ARM, run by an emulator of its processor, in place of the library that ctypes loads.

The emulator works on the memory of this process, page by page as the code reaches for it, so that what it is given
leads to the same arrays and texts as on a machine of its own.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile
from unicorn import UC_ARCH_ARM64, UC_HOOK_MEM_UNMAPPED, UC_MODE_ARM, UC_PROT_READ, UC_PROT_WRITE, Uc
from unicorn.arm64_const import (
    UC_ARM64_REG_CPACR_EL1,
    UC_ARM64_REG_LR,
    UC_ARM64_REG_SP,
    UC_ARM64_REG_X0,
)

PAGE = 4096
CODE, STACK, BACK = 0x2000_0000_0000, 0x2100_0000_0000, 0x2200_0000_0000
"""Where nothing of this process lies: the code, its stack, and where it returns to."""

STACK_BYTES = 1 << 20
VECTORS_ALLOWED = 3 << 20
RELATIVE = 1027
"""The kind of relocation that adds where the code lies."""


class EmulatedFunction:
    """A function of the library, called as ctypes' are."""

    restype: Any = None
    argtypes: tuple[Any, ...] = ()

    def __init__(self, library: EmulatedLibrary, name: str) -> None:
        self._library = library
        self._name = name

    def __call__(self, *arguments: Any) -> int | None:
        """Run it to its end, and return what it returns."""
        assert len(arguments) == len(self.argtypes)
        value = self._library.run(self._name, [_as_number(each) for each in arguments])
        return None if self.restype is None else int(self.restype(value).value)


class EmulatedLibrary:
    """A library for ARM's Linux; `calls` counts how often each of its functions was called."""

    def __init__(self, path: str) -> None:
        self.calls: Counter[str] = Counter()
        self._machine = machine = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
        machine.reg_write(UC_ARM64_REG_CPACR_EL1, machine.reg_read(UC_ARM64_REG_CPACR_EL1) | VECTORS_ALLOWED)
        with Path(path).open("rb") as file:
            elf = ELFFile(file)
            parts = [each for each in elf.iter_segments() if each["p_type"] == "PT_LOAD"]
            end = max(each["p_vaddr"] + each["p_memsz"] for each in parts)
            machine.mem_map(CODE, -(-end // PAGE) * PAGE)
            for each in parts:
                machine.mem_write(CODE + each["p_vaddr"], each.data())
            for section in elf.iter_sections("SHT_RELA"):
                for each in section.iter_relocations():
                    assert each["r_info_type"] == RELATIVE
                    machine.mem_write(CODE + each["r_offset"], (CODE + each["r_addend"]).to_bytes(8, "little"))
            symbols = elf.get_section_by_name(".dynsym").iter_symbols()
            self._places = {each.name: CODE + each["st_value"] for each in symbols if each["st_value"]}
        machine.mem_map(STACK, STACK_BYTES)
        machine.mem_map(BACK, PAGE)
        machine.hook_add(UC_HOOK_MEM_UNMAPPED, self._reach)
        self._reached: set[int] = set()

    def __getattr__(self, name: str) -> EmulatedFunction:
        function = EmulatedFunction(self, name)
        setattr(self, name, function)
        return function

    def run(self, name: str, arguments: list[int]) -> int:
        """Call a function with numbers and addresses, and return what is in the first register behind it."""
        self.calls[name] += 1
        for i, each in enumerate(arguments):
            self._machine.reg_write(UC_ARM64_REG_X0 + i, each & 0xFFFF_FFFF_FFFF_FFFF)
        self._machine.reg_write(UC_ARM64_REG_SP, STACK + STACK_BYTES - 64)
        self._machine.reg_write(UC_ARM64_REG_LR, BACK)
        self._machine.emu_start(self._places[name], BACK)
        return int(self._machine.reg_read(UC_ARM64_REG_X0))

    def _reach(self, machine: Uc, access: int, address: int, size: int, value: int, data: object) -> bool:
        """Give the code the pages of this process that it reaches for; none that lies next to nothing."""
        pages = {each // PAGE * PAGE for each in (address, address + size - 1)} - self._reached
        if not pages or min(pages) < 1 << 20:
            return False
        for page in pages:
            machine.mem_map_ptr(page, PAGE, UC_PROT_READ | UC_PROT_WRITE, ctypes.c_void_p(page))
        self._reached |= pages
        return True


def _as_number(argument: Any) -> int:
    """Return a number, or the address of what ctypes passes by its address."""
    if isinstance(argument, bytes):
        argument = ctypes.c_char_p(argument)
    return argument if isinstance(argument, int) else ctypes.cast(argument, ctypes.c_void_p).value or 0
