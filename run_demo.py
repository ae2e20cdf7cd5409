"""Start the program: ``python run_demo.py`` opens the window, ``--headless`` renders to a file; see ``--help``."""

import sys

from app.cli import main

if __name__ == "__main__":
    sys.exit(main())
