"""`corpus build` whose helper process pages can make crash, hang or eat memory: python tests/hostile_build.py RECIPE …

The command as it is, but for the function that the name `trafilatura` stands for.
"""

import sys
from pathlib import Path

from corpus.pages.extractor_process import EXTRACTORS
from pipelines.cli import main

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    EXTRACTORS["trafilatura"] = "hostile_extractors:main_text_of_page"
    main(["build", *sys.argv[1:]])
