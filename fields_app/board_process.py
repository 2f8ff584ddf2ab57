"""TensorBoard as a process: ``python -m fields_app.board_process --logdir DIR``, over when its standard input is.

It answers on this machine only, at a port that the system chooses. Nothing of FIELDS or Qt is imported.
"""

from __future__ import annotations

import os
import sys
import threading


def _end_with_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def main() -> None:
    from tensorboard import main as board

    threading.Thread(target=_end_with_input, name="input", daemon=True).start()
    sys.argv = ["tensorboard", *sys.argv[1:], "--host", "localhost", "--port", "0", "--load_fast", "false"]
    board.run_main()


if __name__ == "__main__":
    main()
