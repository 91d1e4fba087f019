#!/usr/bin/env python3
"""Makes the memory that an emulated machine starts with: boot parameters, a Linux kernel, and a file system.

usage: make_image.py KERNEL IMAGE MEGABYTES [PATH=FILE...] [PATH:TEXT...]
Prints the addresses that boot.S is assembled with.
"""
import os
import struct
import sys

PARAMETERS, COMMAND_LINE = 0x7000, 0x8000
MEGABYTE = 1 << 20
COMMAND = (b"console=ttyS0 loglevel=3 acpi=off nokaslr mitigations=off nosmp rdinit=/init panic=-1 "
           b"clearcpuid=580 no_timer_check tsc=reliable random.trust_cpu=on nowatchdog")


def archive(files):
    """A cpio archive ("newc") of {path: (mode, bytes)} with the folders above them."""
    entries = {}
    for path, (mode, content) in sorted(files.items()):
        parts = path.strip("/").split("/")
        for depth in range(1, len(parts)):
            entries.setdefault("/".join(parts[:depth]), (0o040755, b""))
        entries["/".join(parts)] = (0o100000 | mode, content)
    out = bytearray()
    for number, (name, (mode, content)) in enumerate([*entries.items(), ("TRAILER!!!", (0, b""))], 1):
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        out += bytes(-len(out) % 4)
        out += content
        out += bytes(-len(out) % 4)
    return out


def main():
    kernel_file, image_file, megabytes = sys.argv[1], sys.argv[2], int(sys.argv[3])
    files = {}
    for argument in sys.argv[4:]:
        path, file = argument.split("=", 1)
        with open(file, "rb") as stream:
            files[path] = (os.stat(file).st_mode & 0o777, stream.read())
    with open(kernel_file, "rb") as stream:
        kernel = stream.read()
    assert kernel[0x202:0x206] == b"HdrS", "not a Linux kernel for x86"
    setup_bytes = ((kernel[0x1f1] or 4) + 1) * 512
    address, = struct.unpack_from("<Q", kernel, 0x258)  # the one it prefers
    room, = struct.unpack_from("<I", kernel, 0x260)
    system = archive(files)
    system_address = (address + room + 2 * MEGABYTE) // MEGABYTE * MEGABYTE

    parameters = bytearray(4096)
    header_end = 0x202 + kernel[0x201]
    parameters[0x1f1:header_end] = kernel[0x1f1:header_end]
    parameters[0x210] = 0xff  # an unregistered loader
    struct.pack_into("<II", parameters, 0x218, system_address, len(system))
    struct.pack_into("<I", parameters, 0x228, COMMAND_LINE)
    memory = [(0, 0x9f000), (MEGABYTE, (megabytes - 1) * MEGABYTE)]
    parameters[0x1e8] = len(memory)
    for index, (begin, size) in enumerate(memory):
        struct.pack_into("<QQI", parameters, 0x2d0 + 20 * index, begin, size, 1)
    assert system_address + len(system) < megabytes * MEGABYTE * 3 // 4, "more memory is needed"

    with open(image_file, "wb") as image:
        for place, content in ((PARAMETERS, parameters), (COMMAND_LINE, COMMAND + b"\0"),
                               (address, kernel[setup_bytes:]), (system_address, system)):
            image.seek(place)
            image.write(content)
    print(f"--defsym PARAMETERS={PARAMETERS} --defsym KERNEL={address} --defsym RAM_BYTES={megabytes * MEGABYTE}")


main()
