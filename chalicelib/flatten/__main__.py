"""`python -m chalicelib.flatten`: the process, from its first import to its end."""

from __future__ import annotations

import contextlib
import gc
import os
import sys

from chalicelib.library_settings import set_up_libraries

if __name__ == "__main__":
    set_up_libraries(os.environ)
    # What is imported stays: nobody has to look through it for garbage, meanwhile, later or at the end.
    gc.disable()
    from chalicelib.flatten.command import main

    gc.freeze()
    gc.enable()
    status = main()
    # The system frees all at once what the interpreter would take 25 ms to take apart. Where what was printed cannot be
    # written, Python says so as ever.
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)
