"""The former name of ``python -m stylenet.prepare``. Scripts may still call it."""

import runpy

if __name__ == "__main__":
    runpy.run_module("stylenet.prepare", run_name="__main__")
